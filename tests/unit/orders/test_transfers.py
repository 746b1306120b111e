"""Catalogs as text: what is read, what is refused and where, what comes back as it went."""

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from maitred.orders.v1 import catalog_pb2

from services.orders.transfers.convert import read_content, write_content
from services.orders.transfers.tabular import COLUMNS, Value, read_rows, read_table, write_table
from services.orders.transfers.transfer import Counts, Format, Mode, Unreadable

MENU = catalog_pb2.Catalog(
    currency_code="EUR",
    products=[
        catalog_pb2.Product(
            product_id="latte",
            name="Latte",
            category="Coffee",
            price_minor=380,
            synonyms=["white coffee", "milk | coffee"],
            allergens=["milk"],
            option_group_ids=["size"],
            attributes={"size": "12 oz"},
        ),
        catalog_pb2.Product(product_id="water", name="Water", price_minor=0),
    ],
    option_groups=[
        catalog_pb2.OptionGroup(
            option_group_id="size",
            name="Size",
            kind=catalog_pb2.OPTION_GROUP_KIND_ONE,
            options=[catalog_pb2.Option(option_id="large", name="Large", price_delta_minor=60)],
        )
    ],
)
STORED = MENU.SerializeToString()


def read(text: str, mode: Mode = Mode.MERGE, form: Format = Format.CSV) -> catalog_pb2.Catalog:
    return catalog_pb2.Catalog.FromString(read_content(form, mode, text, STORED).document)


def problems(
    text: str, form: Format = Format.CSV, mode: Mode = Mode.MERGE
) -> list[tuple[int, str]]:
    with pytest.raises(Unreadable) as refused:
        read_content(form, mode, text, STORED)
    return [(problem.line, problem.column) for problem in refused.value.problems]


@pytest.mark.parametrize("form", Format)
def test_what_goes_out_comes_in_as_it_was(form: Format) -> None:
    content = read_content(form, Mode.REPLACE, write_content(form, STORED), STORED)
    assert catalog_pb2.Catalog.FromString(content.document) == MENU
    assert (content.products, content.counts) == (2, Counts())


def test_a_merge_changes_what_is_named_and_leaves_the_rest() -> None:
    text = "product_id,price_minor\nlatte,400\n"
    latte, water = read(text).products
    assert (latte.price_minor, latte.name, list(latte.allergens)) == (400, "Latte", ["milk"])
    assert water == MENU.products[1]
    assert read_content(Format.CSV, Mode.MERGE, text, STORED).counts == Counts(changed=1)


def test_a_replacement_is_all_there_is() -> None:
    text = "product_id,name,price_minor,tax_rate_basis_points\ntea,Tea,250,700\n"
    (tea,) = read(text, Mode.REPLACE).products
    assert (tea.product_id, tea.tax_rate_basis_points) == ("tea", 700)
    assert read(text, Mode.REPLACE).option_groups == MENU.option_groups
    found = read_content(Format.CSV, Mode.REPLACE, text, STORED).counts
    assert found == Counts(added=1, removed=2)


@pytest.mark.parametrize("mode", Mode)
def test_what_no_column_can_say_stays(mode: Mode) -> None:
    menu = catalog_pb2.Catalog()
    menu.CopyFrom(MENU)
    menu.products[0].availability.add(start_time="08:00", end_time="11:00")
    text = write_content(Format.CSV, menu.SerializeToString())
    content = read_content(Format.CSV, mode, text, menu.SerializeToString())
    assert catalog_pb2.Catalog.FromString(content.document) == menu


def test_what_is_free_stays_free_in_a_merge_that_names_no_price() -> None:
    water = read("product_id,category\nwater,Drinks\n").products[1]
    assert (water.category, water.price_minor) == ("Drinks", 0)
    assert problems("product_id,name\nwater,Water\n", mode=Mode.REPLACE) == [(2, "price_minor")]


def test_an_empty_cell_empties_and_a_column_left_out_does_not() -> None:
    emptied = read("product_id,allergens,attributes\nlatte,,\n").products[0]
    assert not emptied.allergens
    assert not emptied.attributes
    assert emptied.synonyms == MENU.products[0].synonyms


def test_every_fault_is_named_with_its_line() -> None:
    text = (
        "product_id,name,price_minor,unavailable\n"
        'latte,"Latte\nmacchiato",380,perhaps\n'
        "tea,Tea,2.50,true\n"
        "tea,Tea,250,true\n"
        "Bad Id,X,1,\n"
        "few,cells\n"
    )
    assert problems(text) == [
        (2, "unavailable"),
        (4, "price_minor"),
        (5, "product_id"),
        (6, "product_id"),
        (7, ""),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "name\nTea\n", "product_id,colour\ntea,red\n", "product_id,product_id\na,b\n",
     'product_id\n"tea\n'],
)  # fmt: skip
def test_what_is_no_table_of_products_is_refused(text: str) -> None:
    assert problems(text)


def test_a_new_product_needs_a_name_and_a_price() -> None:
    assert problems("product_id,category\ntea,Tea\n") == [(2, "price_minor"), (2, "name")]


def test_a_catalog_that_would_contradict_itself_is_refused() -> None:
    assert problems(
        '{"products": [{"product_id": "tea", "name": "Tea", "add_on_ids": ["lemon"]}]}', Format.JSON
    ) == [(0, "")]
    assert problems("{", Format.JSON) == [(1, "")]
    assert problems('{"products": [{"product_id": "tea"}]}', Format.JSON) == [(0, "")]


@pytest.mark.parametrize("column", ["option_group_ids", "add_on_ids"])
def test_a_choice_that_is_not_there_is_named_with_its_line(column: str) -> None:
    assert problems(f"product_id,{column}\nwater,\nlatte,milk\n") == [(3, column)]


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("price_minor", "4,20", "4,20 is no whole number; amounts are in minor units."),
        ("price_minor", "-5", "must be greater than or equal to 0"),
        ("price_minor", "9" * 30, f"{'9' * 30} is out of range"),
        ("tax_rate_basis_points", "19%", "19% is no whole number; rates are in basis points"),
        ("tax_rate_basis_points", "9" * 11, f"{'9' * 11} is out of range"),
    ],
)
def test_a_number_that_cannot_be_is_told_once(column: str, cell: str, said: str) -> None:
    values = {"price_minor": "100", column: cell}
    head, row = ",".join(values), ",".join(f'"{value}"' for value in values.values())
    with pytest.raises(Unreadable) as refused:
        read_content(Format.CSV, Mode.MERGE, f"product_id,name,{head}\ntea,Tea,{row}\n", STORED)
    (problem,) = refused.value.problems
    assert (problem.line, problem.column) == (2, column)
    assert problem.description.startswith(said)


def test_products_without_a_currency_are_refused_in_words() -> None:
    with pytest.raises(Unreadable) as refused:
        read_content(Format.CSV, Mode.REPLACE, "product_id,name,price_minor\ntea,Tea,250\n", b"")
    (problem,) = refused.value.problems
    assert "JSON" in problem.description


def test_a_merge_of_json_adds_and_changes_by_id() -> None:
    given = catalog_pb2.Catalog(
        time_zone="Europe/Berlin",
        products=[catalog_pb2.Product(product_id="water", name="Still water", price_minor=200)],
        add_ons=[catalog_pb2.AddOn(add_on_id="lemon", name="Lemon")],
    )
    merged = read(json_format.MessageToJson(given), form=Format.JSON)
    assert [product.name for product in merged.products] == ["Latte", "Still water"]
    assert (merged.currency_code, merged.time_zone) == ("EUR", "Europe/Berlin")
    assert len(merged.option_groups) == len(merged.add_ons) == 1


def test_what_we_alone_say_is_not_taken_in() -> None:
    text = json_format.MessageToJson(MENU).replace(
        '"name": "Water"', '"name": "Water", "stockCount": "3"'
    )
    assert "stockCount" in text
    assert not read(text, Mode.REPLACE, Format.JSON).products[1].HasField("stock_count")


WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Z", "C"]),
    min_size=1,
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{\n"products": [}', 2, "This is no JSON: Expecting value."),
        ("[]", 0, "it must be an object."),
        ("null", 0, "it must be an object."),
        ("[" * 100_000, 0, "it is nested too deep."),
        ('{"produkts": []}', 0, '"produkts" at "Catalog".'),
    ],
)
def test_what_is_no_catalog_in_json_is_refused_in_a_sentence(
    text: str, line: int, said: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        read_content(Format.JSON, Mode.MERGE, text, STORED)
    (problem,) = refused.value.problems
    assert problem.line == line
    assert problem.description.endswith(said)


def test_a_catalog_too_large_to_be_read_at_once_is_refused() -> None:
    menu = catalog_pb2.Catalog(currency_code="EUR")
    for number in range(4_500):
        menu.products.add(product_id=f"p{number}", name="P", description="x" * 900)
    row = "product_id,name,price_minor\np1,P,1\n"
    with pytest.raises(Unreadable, match="4000000"):
        read_content(Format.CSV, Mode.MERGE, row, menu.SerializeToString())


@given(
    WORDS, st.lists(WORDS).map(tuple), st.dictionaries(WORDS.filter(lambda w: "=" not in w), WORDS)
)
def test_any_text_survives_the_table(
    name: str, synonyms: tuple[str, ...], attributes: dict[str, str]
) -> None:
    values: dict[str, Value] = dict.fromkeys(COLUMNS, "")
    values |= {"product_id": "a", "price_minor": 1}
    values |= {"name": name, "synonyms": synonyms, "attributes": attributes}
    text = write_table([values])
    (row,), none = read_rows(read_table(text))
    assert none == []
    assert (row.values["name"], row.values["synonyms"]) == (name, synonyms)
    assert row.values["attributes"] == attributes
