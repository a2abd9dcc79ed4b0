"""WeChat official accounts (公众号): callbacks in, customer messages out, by the platform's law."""
