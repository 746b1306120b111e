"""The demo tenants' documents answer what guests ask, and nothing else."""

import pytest

from services.assembly.demo.knowledge import documents_of
from services.assembly.demo.seed import CATALOGS
from services.retrieval.convert import to_kind
from services.retrieval.documents.document import Draft, MediaType
from services.retrieval.documents.reading import read, title_of
from services.retrieval.search.index import TenantIndex
from tests.unit.retrieval.indexes import ask, document, empty

ASKED = {
    "coffee_bar": {
        "When do you open on Sunday?": "Opening hours",
        "are you open on christmas": "Christmas Day",
        "can i bring my dog": "Dogs",
        "where can I park": "Parking and bicycles",
        "what's the wifi password": "Wifi and working here",
        "do you deliver": "Pickup and delivery",
        "I want my money back": "Refunds and mistakes",
        "do you have gluten free food": "Do you have gluten-free food?",
        "I have a severe nut allergy": "Allergens",
        "do you have vegan food": "Vegan and vegetarian",
        "do you take credit cards": "Payment",
        "are there nuts in the almond croissant?": "Almond croissant",
    },
    "pizzeria": {
        "are you open on mondays": "Opening hours",
        "how much is delivery": "Delivery",
        "my pizza came cold": "Late or cold",
        "is the gluten free crust safe for coeliacs": "Allergens",
        "is the meat halal": "Vegan, vegetarian and halal",
        "can I reserve a table for six": "Tables and reservations",
        "how big is a large pizza": "How large are the pizzas?",
        "are dogs allowed": "Dogs",
        "is there wifi": "Wifi",
        "does the napoli have fish": "Napoli",
    },
}
ELSEWHERE = ("quantum chromodynamics", "tell me a joke", "what is the capital of France")


@pytest.fixture(scope="module", params=ASKED)
def knowledge(request: pytest.FixtureRequest) -> tuple[str, TenantIndex]:
    """A demo tenant with its index."""
    index = empty()
    catalog = (CATALOGS / f"{request.param}.json").read_text(encoding="utf-8")
    documents = []
    for sent in documents_of(request.param, catalog):
        media_type, kind = MediaType(sent.media_type), to_kind(sent.kind)
        draft = Draft(sent.title, kind, sent.source, media_type, sent.content)
        title = title_of(draft, read(media_type, sent.content))
        documents.append(document(title, sent.content, kind=kind, media_type=media_type))
    index.replace((), documents, 1)
    return request.param, index


def test_questions_are_answered_from_the_right_place(knowledge: tuple[str, TenantIndex]) -> None:
    tenant, index = knowledge
    first = {question: ask(index, question)[0] for question in ASKED[tenant]}
    assert {one: hit.passage.headings[-1] for one, hit in first.items()} == ASKED[tenant]


def test_what_has_nothing_to_do_with_the_house_finds_nothing(
    knowledge: tuple[str, TenantIndex],
) -> None:
    _, index = knowledge
    assert [question for question in ELSEWHERE if ask(index, question)] == []
