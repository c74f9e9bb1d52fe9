"""What Paddle takes, entity by entity; fields that this copy lacks are refused."""

import re

from local_paddle.form import (
    COUNTRY,
    CURRENCY,
    PRORATION_MODES,
    STATUSES,
    URL_CHARACTERS,
    Field,
    Form,
    adjusted_items,
    at_once_or_instant,
    checkout,
    contacts,
    custom_data,
    duration,
    email,
    flag,
    instant,
    invoice_details,
    items,
    kept_items,
    matching,
    money,
    names,
    nothing,
    paddle_id,
    text,
    whole_number,
    word,
)

_CUSTOM_DATA = Field(custom_data, is_nullable=True)
_CATALOG_TYPE = Field(word("standard", "custom"))
_STATUS = Field(word(*STATUSES))
_TAX_CATEGORIES = (
    "digital-goods",
    "ebooks",
    "implementation-services",
    "professional-services",
    "saas",
    "software-programming-services",
    "standard",
    "training-services",
    "website-hosting",
)

CUSTOMER: Form = {
    "email": Field(email, is_required=True),
    "name": Field(text(1, 1024), is_nullable=True),
    "locale": Field(text(2, 16)),
    "custom_data": _CUSTOM_DATA,
}
CUSTOMER_CHANGE: Form = {**CUSTOMER, "status": _STATUS}
ADDRESS: Form = {
    "country_code": Field(
        matching(COUNTRY, "must be two capital letters"), is_required=True
    ),
    "description": Field(text(0, 1024), is_nullable=True),
    "first_line": Field(text(0, 1024), is_nullable=True),
    "second_line": Field(text(0, 1024), is_nullable=True),
    "city": Field(text(0, 200), is_nullable=True),
    "postal_code": Field(text(0, 200), is_nullable=True),
    "region": Field(text(0, 200), is_nullable=True),
    "custom_data": _CUSTOM_DATA,
}
ADDRESS_CHANGE: Form = {**ADDRESS, "status": _STATUS}
PRODUCT: Form = {
    "name": Field(text(1, 200), is_required=True),
    "tax_category": Field(word(*_TAX_CATEGORIES), is_required=True),
    "description": Field(text(0, 2048), is_nullable=True),
    "type": _CATALOG_TYPE,
    "image_url": Field(text(0, URL_CHARACTERS), is_nullable=True),
    "custom_data": _CUSTOM_DATA,
}
PRODUCT_CHANGE: Form = {**PRODUCT, "status": _STATUS}
PRICE: Form = {
    "description": Field(text(2, 500), is_required=True),
    "product_id": Field(paddle_id("pro"), is_required=True),
    "unit_price": Field(money, is_required=True),
    "name": Field(text(1, 150), is_nullable=True),
    "type": _CATALOG_TYPE,
    "tax_mode": Field(word("account_setting", "external", "internal")),
    "billing_cycle": Field(duration, is_nullable=True),
    "trial_period": Field(duration, is_nullable=True),
    "custom_data": _CUSTOM_DATA,
}
PRICE_CHANGE: Form = {
    **{name: field for name, field in PRICE.items() if name != "product_id"},
    "status": _STATUS,
}
TRANSACTION: Form = {
    "items": Field(items, is_required=True),
    "customer_id": Field(paddle_id("ctm"), is_nullable=True),
    "address_id": Field(paddle_id("add"), is_nullable=True),
    "currency_code": Field(matching(CURRENCY, "must be three capital letters")),
    "business_id": Field(paddle_id("biz"), is_nullable=True),
    "discount_id": Field(paddle_id("dsc"), is_nullable=True),
    "collection_mode": Field(word("automatic", "manual")),
    "billing_details": Field(invoice_details, is_nullable=True),
    "checkout": Field(checkout, is_nullable=True),
    "custom_data": _CUSTOM_DATA,
}
BUSINESS: Form = {
    "name": Field(text(1, 1024), is_required=True),
    "company_number": Field(text(0, 1024), is_nullable=True),
    "tax_identifier": Field(text(0, 1024), is_nullable=True),
    "contacts": Field(contacts),
    "custom_data": _CUSTOM_DATA,
}
BUSINESS_CHANGE: Form = {**BUSINESS, "status": _STATUS}
DISCOUNT: Form = {
    "description": Field(text(1, 500), is_required=True),
    "type": Field(word("flat", "flat_per_seat", "percentage"), is_required=True),
    "amount": Field(
        matching(re.compile(r"\d{1,18}(\.\d{1,2})?"), "must be a positive number"),
        is_required=True,
    ),
    "enabled_for_checkout": Field(flag),
    "code": Field(
        matching(re.compile(r"[A-Za-z0-9]{1,32}"), "must be letters and digits"),
        is_nullable=True,
    ),
    "mode": Field(word("standard", "custom")),
    "currency_code": Field(
        matching(CURRENCY, "must be three capital letters"), is_nullable=True
    ),
    "recur": Field(flag),
    "maximum_recurring_intervals": Field(whole_number, is_nullable=True),
    "usage_limit": Field(whole_number, is_nullable=True),
    "restrict_to": Field(names, is_nullable=True),
    "expires_at": Field(instant, is_nullable=True),
    "custom_data": _CUSTOM_DATA,
}
DISCOUNT_CHANGE: Form = {**DISCOUNT, "status": _STATUS}
ADJUSTMENT: Form = {
    "action": Field(word("refund", "credit"), is_required=True),
    "transaction_id": Field(paddle_id("txn"), is_required=True),
    "reason": Field(text(1, 5_000), is_required=True),
    "type": Field(word("full", "partial")),
    "items": Field(adjusted_items, is_nullable=True),
}
SUBSCRIPTION_CHANGE: Form = {
    "items": Field(kept_items),
    "proration_billing_mode": Field(word(*PRORATION_MODES)),
    "on_payment_failure": Field(word("prevent_change", "apply_change")),
    "scheduled_change": Field(nothing, is_nullable=True),
    "custom_data": _CUSTOM_DATA,
}
_WHEN = Field(word("immediately", "next_billing_period"), is_nullable=True)
CANCEL: Form = {"effective_from": _WHEN}
PAUSE: Form = {
    "effective_from": _WHEN,
    "resume_at": Field(instant, is_nullable=True),
    "on_resume": Field(word("start_new_billing_period")),
}
RESUME: Form = {
    "effective_from": Field(at_once_or_instant, is_nullable=True),
    "on_resume": Field(word("start_new_billing_period")),
}
CHARGE: Form = {
    "effective_from": Field(
        word("immediately", "next_billing_period"), is_required=True
    ),
    "items": Field(items, is_required=True),
}
SIMULATION: Form = {
    "notification_setting_id": Field(paddle_id("ntfset"), is_required=True),
    "name": Field(text(1, 500), is_required=True),
    "type": Field(text(1, 100), is_required=True),
    "payload": Field(custom_data, is_nullable=True),
    "config": Field(custom_data, is_nullable=True),
}
SIMULATION_CHANGE: Form = {
    **{name: field for name, field in SIMULATION.items() if name != "type"},
    "status": _STATUS,
}
SETTING: Form = {
    "description": Field(text(1, 500), is_required=True),
    "destination": Field(text(1, URL_CHARACTERS), is_required=True),
    "subscribed_events": Field(names, is_required=True),
    "type": Field(word("url"), is_required=True),
    "api_version": Field(lambda value: None if value == 1 else "must be 1"),
    "include_sensitive_fields": Field(flag),
    "traffic_source": Field(word("platform", "simulation", "all")),
}
# Every destination is made awake: only a change puts it to sleep.
SETTING_CHANGE: Form = {
    **{name: field for name, field in SETTING.items() if name != "type"},
    "active": Field(flag),
}
