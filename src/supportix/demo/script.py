"""What the demo's people are called and what they write. Invented; any likeness is chance."""

from typing import NamedTuple


class DemoDepartment(NamedTuple):
    """A department: its share of arrivals, median handle time in minutes, and its agents."""

    name: str
    share: float
    handle_minutes: float
    agents: tuple[str, ...]
    subjects: tuple[str, ...]
    tag: str


DEPARTMENTS = (
    DemoDepartment(
        "Technical Support",
        0.36,
        95,
        ("Amara Okafor", "Ben Lindqvist", "Chiara Russo", "Dawit Bekele", "Elif Demir", "Farid Haddad", "Grace Mensah"),
        (
            "App closes when I attach a photo",
            "Cannot print from the new laptop",
            "Two-factor code never arrives",
            "Export to CSV stops at 1,000 rows",
            "Webhook deliveries fail with 401",
            "Calendar shows the wrong time zone",
            "Search finds nothing since this morning",
            "Video calls freeze after ten minutes",
        ),
        "technical",
    ),
    DemoDepartment(
        "Billing",
        0.22,
        40,
        ("Hana Suzuki", "Ivan Petrov", "Julia Novak", "Kofi Asante"),
        (
            "Charged twice for March",
            "Please add our VAT number to the invoice",
            "Refund has not arrived yet",
            "Card was declined but money is gone",
            "Change the billing address",
            "Which plan did we buy?",
        ),
        "billing",
    ),
    DemoDepartment(
        "Accounts and Access",
        0.20,
        25,
        ("Lena Fischer", "Mateo García", "Nia Williams", "Oskar Nowak"),
        (
            "Locked out after password change",
            "Please remove a former colleague",
            "Invite link has expired",
            "Need to change the owner of our workspace",
            "Single sign-on loops back to the log-in page",
        ),
        "access",
    ),
    DemoDepartment(
        "Orders and Shipping",
        0.15,
        35,
        ("Priya Sharma", "Quentin Moreau", "Rosa Jiménez"),
        (
            "Parcel is marked delivered, but is not here",
            "Wrong colour in the box",
            "Can I still change the address?",
            "Customs asks for a paper that I don't have",
        ),
        "shipping",
    ),
    DemoDepartment(
        "Sales",
        0.07,
        60,
        ("Sofia Berg", "Tom Adeyemi"),
        ("Quote for 250 seats", "Do you offer a discount for schools?", "Demo for our procurement team"),
        "sales",
    ),
)

FIRST_NAMES = (
    "Ada", "Aylin", "Bruno", "Camille", "Chen", "Daria", "Diego", "Emeka", "Freya", "Goran", "Hiro", "Ines", "Jonas",
    "Kavya", "Liam", "Maya", "Noor", "Olga", "Pavel", "Rania", "Sami", "Tara", "Uma", "Viktor", "Wanjiru", "Yara",
)  # fmt: skip
LAST_NAMES = (
    "Abbas", "Andersson", "Baptiste", "Carter", "Costa", "Dubois", "Eriksen", "Ferrari", "Gupta", "Hansen", "Ito",
    "Jovanović", "Kamau", "Larsen", "Müller", "Nakamura", "Oduya", "Popescu", "Quispe", "Rossi", "Silva", "Tran",
    "Usman", "Vega", "Weber", "Yilmaz",
)  # fmt: skip
CHANNELS = (("web", 0.5), ("email", 0.3), ("phone", 0.15), ("chat", 0.05))
PRIORITIES = (("low", 0.15), ("normal", 0.62), ("high", 0.18), ("urgent", 0.05))
DETAILS = (
    "It worked last week. I have tried again on another device with the same result.",
    "This is holding up three of my colleagues, so a quick answer would be great.",
    "No hurry from my side. Tell me if you need more details.",
    "I am attaching nothing yet, but can send screenshots on request.",
)

HOURLY_SHARE = (
    0.2, 0.1, 0.1, 0.1, 0.2, 0.4, 0.9, 2.0, 4.2, 6.5, 7.4, 7.0,
    5.4, 5.6, 6.4, 6.2, 5.2, 4.0, 2.6, 1.9, 1.5, 1.1, 0.7, 0.4,
)  # fmt: skip
"""Relative arrivals by hour of the day."""

WEEKDAY_SHARE = (1.25, 1.15, 1.05, 1.0, 0.9, 0.35, 0.3)
"""Relative arrivals by day of the week, Monday first."""
