"""The entities of a small course shop, in the shapes of Paddle's description.

Everything is made up: ids, people, amounts. Times have as many digits as Paddle has been
seen to send. Amounts are in euro cents; one purchase is in yen, which have no cents.
"""

from typing import Any

Data = dict[str, Any]

ID_CHARACTERS = 26


def ident(prefix: str, word: str) -> str:
    """Return an id of Paddle's form that can be told from others by eye."""
    return f"{prefix}_{('01kc' + word).ljust(ID_CHARACTERS, '0')}"


PRODUCT = ident("pro", "beekeeping")
ONE_OFF, MONTHLY, YEN = (ident("pri", w) for w in ("forgood", "monthly", "yen"))
CUSTOMER, ADDRESS = ident("ctm", "edda"), ident("add", "edda")
BUSINESS, DISCOUNT = ident("biz", "honeyhouse"), ident("dsc", "spring")
PURCHASE, INVOICED, JAPANESE = (
    ident("txn", w) for w in ("purchase", "invoiced", "japanese")
)
SUBSCRIPTION = ident("sub", "edda")
OPENED = "2026-11-02T08:15:27.4Z"
CHANGED = "2026-11-02T08:21:03.457511846Z"
PERIOD = {"starts_at": "2026-11-02T08:20:11.92Z", "ends_at": "2026-12-02T08:20:11.92Z"}
MONTH = {"interval": "month", "frequency": 1}


def product() -> Data:
    """The course."""
    return {
        "id": PRODUCT,
        "name": "Beekeeping",
        "description": "From the first hive to the first honey.",
        "type": "standard",
        "tax_category": "training-services",
        "image_url": "https://example.com/bees.png",
        "custom_data": {"course": "beekeeping"},
        "status": "active",
        "import_meta": None,
        "created_at": OPENED,
        "updated_at": CHANGED,
    }


def price(price_id: str = ONE_OFF, amount: int = 12000, currency: str = "EUR") -> Data:
    """What it costs: for good, by the month, or in yen."""
    return {
        "id": price_id,
        "product_id": PRODUCT,
        "description": "For good" if price_id != MONTHLY else "By the month",
        "type": "standard",
        "name": "Beekeeping",
        "billing_cycle": MONTH if price_id == MONTHLY else None,
        "trial_period": MONTH if price_id == MONTHLY else None,
        "tax_mode": "account_setting",
        "unit_price": {"amount": str(amount), "currency_code": currency},
        "unit_price_overrides": [
            {
                "country_codes": ["CH"],
                "unit_price": {"amount": "13000", "currency_code": "CHF"},
            }
        ],
        "quantity": {"minimum": 1, "maximum": 10},
        "status": "active",
        "custom_data": None,
        "import_meta": None,
        "created_at": OPENED,
        "updated_at": CHANGED,
    }


def customer() -> Data:
    """Who buys."""
    return {
        "id": CUSTOMER,
        "name": "Edda Åkerlund",
        "email": "edda@example.com",
        "marketing_consent": False,
        "status": "active",
        "custom_data": None,
        "locale": "sv",
        "created_at": OPENED,
        "updated_at": CHANGED,
        "import_meta": None,
    }


def address() -> Data:
    """Where she lives."""
    return {
        "id": ADDRESS,
        "customer_id": CUSTOMER,
        "description": "Home",
        "first_line": "1 Clover Lane",
        "second_line": None,
        "city": "Lund",
        "postal_code": "222 22",
        "region": None,
        "country_code": "SE",
        "custom_data": None,
        "status": "active",
        "created_at": OPENED,
        "updated_at": CHANGED,
        "import_meta": None,
    }


def business() -> Data:
    """For whom she buys."""
    return {
        "id": BUSINESS,
        "customer_id": CUSTOMER,
        "name": "The Honey House",
        "company_number": "556000-0000",
        "tax_identifier": "SE556000000001",
        "status": "active",
        "contacts": [{"name": "Edda Åkerlund", "email": "books@example.com"}],
        "created_at": OPENED,
        "updated_at": CHANGED,
        "custom_data": None,
        "import_meta": None,
    }


def discount() -> Data:
    """What makes it cheaper."""
    return {
        "id": DISCOUNT,
        "status": "active",
        "description": "Spring",
        "enabled_for_checkout": True,
        "code": "SWARM",
        "type": "percentage",
        "mode": "standard",
        "amount": "12.5",
        "currency_code": None,
        "recur": False,
        "maximum_recurring_intervals": None,
        "usage_limit": 50,
        "restrict_to": [ONE_OFF],
        "custom_data": None,
        "import_meta": None,
        "expires_at": "2027-01-01T00:00:00Z",
        "created_at": OPENED,
        "updated_at": CHANGED,
        "discount_group_id": ident("dsg", "seasons"),
    }


def totals(total: int, discounted: int = 0, tax_percent: int = 25) -> Data:
    """Amounts of a total that includes its tax."""
    subtotal = total * 100 // (100 + tax_percent) + discounted
    return {
        "subtotal": str(subtotal),
        "discount": str(discounted),
        "tax": str(total - subtotal + discounted),
        "total": str(total),
    }


def payment(status: str, amount: int, word: str) -> Data:
    """One attempt to pay by card."""
    failed = status == "error"
    return {
        "payment_attempt_id": f"7d1f0b52-0000-4000-8000-{word:0>12}",
        "stored_payment_method_id": "2c9d3a10-0000-4000-8000-000000000001",
        "payment_method_id": ident("paymtd", "card"),
        "amount": str(amount),
        "status": status,
        "error_code": "declined" if failed else None,
        "method_details": {
            "type": "card",
            "underlying_details": None,
            "card": {
                "type": "visa",
                "last4": "4242",
                "expiry_month": 5,
                "expiry_year": 2029,
                "cardholder_name": "Edda Åkerlund",
            },
            "paypal": None,
            "south_korea_local_card": None,
        },
        "created_at": "2026-11-02T08:19:40.123456789Z",
        "captured_at": None if failed else "2026-11-02T08:20:11.92Z",
    }
