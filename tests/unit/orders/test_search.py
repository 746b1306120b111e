"""Finding products by what is written about them."""

from services.orders.catalog.choosing import ProductFilter
from services.orders.catalog.model import Catalog, Product
from services.orders.catalog.search import ProductIndex

INDEX = ProductIndex(
    Catalog(
        currency="EUR",
        language="en",
        products=(
            Product("latte", "Latte", "Coffee", "Espresso and milk.", ("caffe latte",)),
            Product("chai", "Chai latte", "Tea", "Spiced tea with milk.", ("chai",)),
            Product("creme", "Crème brûlée", "Dessert", allergens=("egg", "milk")),
            Product("water", "Still water", attributes=(("vegan", "yes"), ("size", "0.5 l"))),
        ),
    )
)


def found(query: str, limit: int = 10) -> list[str]:
    return [match.product.id for match in INDEX.search(query, limit)]


def test_an_exact_name_is_first_with_score_one() -> None:
    best, *_ = INDEX.search("latte", 10)
    assert (best.product.id, best.score) == ("latte", 1.0)


def test_a_synonym_counts_nearly_as_much() -> None:
    best, *_ = INDEX.search("caffe latte", 10)
    assert best.product.id == "latte"
    assert 0.9 < best.score < 1.0


def test_scores_are_in_order_and_in_range() -> None:
    scores = [match.score for match in INDEX.search("milk latte", 10)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_misspellings_and_accents_are_forgiven() -> None:
    assert found("creme brulee")[0] == "creme"
    assert found("lattte")[0] == "latte"


def test_category_allergen_attribute_and_description_are_searched() -> None:
    assert found("dessert") == ["creme"]
    assert found("egg") == ["creme"]
    assert found("vegan") == ["water"]
    assert found("spiced") == ["chai"]


def test_words_no_product_has_are_ignored() -> None:
    assert found("anything spiced maybe") == ["chai"]


def test_nothing_is_found_for_nothing_known() -> None:
    assert found("unicorn") == []
    assert found("?!") == []
    assert ProductIndex(Catalog("EUR", "en", ())).search("latte", 10) == ()


def test_at_most_the_limit_is_found() -> None:
    assert len(found("milk", limit=2)) == 2


def test_a_name_comes_before_its_beginning_and_that_before_the_rest() -> None:
    names = ("Lemon cake", "Lemonade", "Iced lemon", "Lemon", "Melon")
    catalog = Catalog("EUR", "en", tuple(Product(name, name) for name in names))
    found = [match.product.id for match in ProductIndex(catalog).search("lemon", 10)]
    assert found[0] == "Lemon"
    assert set(found[1:3]) == {"Lemonade", "Lemon cake"}
    assert found[3:] == ["Iced lemon"]


def test_a_word_that_is_not_finished_finds_what_it_begins() -> None:
    names = ("Espresso", "Americano", "Tea")
    catalog = Catalog("EUR", "en", tuple(Product(name, name) for name in names))
    index = ProductIndex(catalog)
    assert [match.product.id for match in index.search("es", 10)] == ["Espresso"]
    assert [match.product.id for match in index.search("ame", 10)] == ["Americano"]


def test_only_those_asked_for_are_found_however_many_are_better() -> None:
    products = tuple(Product(f"tea-{n}", f"Tea {n}") for n in range(30))
    index = ProductIndex(Catalog("EUR", "en", products))
    found = index.search("tea", 2, among={"tea-28", "tea-29"})
    assert {match.product.id for match in found} == {"tea-28", "tea-29"}


def test_a_filter_takes_what_is_all_it_asks_for() -> None:
    cake = Product("cake", "Crème Cake", "Food", allergens=("Milk", "Wheat"), available=False)
    for wanted, takes in (
        (ProductFilter(), True),
        (ProductFilter(category="Food", name_prefix="creme c"), True),
        (ProductFilter(name_prefix="cak"), True),
        (ProductFilter(name_prefix="ake"), False),
        (ProductFilter(name_prefix="!"), False),
        (ProductFilter(category="Drinks"), False),
        (ProductFilter(without_allergens=("nuts",)), True),
        (ProductFilter(without_allergens=("nuts", "MILK")), False),
        (ProductFilter(is_available=True), False),
    ):
        assert wanted.takes(cake) is takes, wanted
