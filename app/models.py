"""Every module that holds tables, so that migrations and foreign keys by name find them all."""

import app.core.audit
import app.core.catalogue
import app.core.events
import app.core.files
import app.core.idempotency
import app.core.installed_base
import app.core.logins
import app.core.lookers
import app.core.outbox
import app.core.people
import app.core.presence
import app.core.tokens
import channels.models
import channels.visitors
import knowledge.models
import workflows.fcr_models
import workflows.models
import workflows.order_notices
import workflows.orders_models
