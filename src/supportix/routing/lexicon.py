"""Terms from which tags are suggested until a history has taught them: listed in docs/routing.md."""

from collections.abc import Mapping

LEXICON: Mapping[str, tuple[str, ...]] = {
    "account": ("account", "profile", "username", "close my account", "delete my account"),
    "billing": ("bill", "billing", "charge", "charged", "invoice", "invoices", "overcharged", "rechnung", "facture"),
    "delivery": ("courier", "delivery", "delivered", "parcel", "shipment", "shipping", "tracking number"),
    "email": ("e-mail", "email", "emails", "inbox", "mailbox", "outlook", "spam"),
    "hardware": ("docking station", "headset", "keyboard", "laptop", "monitor", "printer", "scanner", "toner"),
    "login": (
        "2fa",
        "locked out",
        "log in",
        "login",
        "password",
        "passwort",
        "sign in",
    ),
    "network": ("dns", "firewall", "internet", "lan", "network", "proxy", "router", "vpn", "wi-fi", "wifi", "wlan"),
    "outage": ("outage", "service down", "unavailable", "unreachable"),
    "payment": ("card declined", "credit card", "direct debit", "iban", "payment", "payments", "zahlung"),
    "refund": ("chargeback", "money back", "refund", "refunded", "refunds", "remboursement", "rückerstattung"),
    "security": ("hacked", "malware", "phishing", "ransomware", "stolen", "suspicious", "virus"),
    "software": ("crash", "crashes", "error message", "install", "installation", "licence", "license"),
}
"""By tag. Terms are found as those of routing rules: whole words, whatever their case and accents."""
