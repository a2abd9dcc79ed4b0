"""WeCom customer service (微信客服): people write to a customer-service account from WeChat, we fetch and answer by API."""
