"""What is found to be sent, and how a catalog reads as a document."""

import json
from pathlib import Path

import pytest

from services.assembly.ingestion import find_documents
from services.assembly.menu import menu_document


def test_folders_are_walked_for_what_can_be_read(tmp_path: Path) -> None:
    for name in ("b.md", "sub/a.json", "sub/c.TXT", "d.pdf", ".git/e.md", "f.rst"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("words")
    found = list(find_documents([tmp_path, tmp_path / "f.rst"], "faq"))
    assert [(Path(one.source).name, one.media_type) for one in found] == [
        ("b.md", "text/markdown"),
        ("a.json", "application/json"),
        ("c.TXT", "text/plain"),
        ("f.rst", "text/plain"),
    ]
    assert {one.kind for one in found} == {"faq"}
    assert found[0].read() == "words"


def test_a_source_is_the_same_from_wherever_its_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = tmp_path / "house"
    (house / "rules").mkdir(parents=True)
    (house / "rules" / "wifi.md").write_text("words")
    sources = [one.source for one in find_documents([house], "faq")]
    monkeypatch.chdir(house / "rules")
    assert [one.source for one in find_documents([Path("..")], "faq")] == sources
    assert sources == ["house/rules/wifi.md"]
    assert [one.source for one in find_documents([Path("wifi.md")], "faq")] == ["wifi.md"]


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("words")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "open.txt").write_text("words")
    (folder / "inside.txt").symlink_to("open.txt")
    (folder / "outside.txt").symlink_to("../secret.txt")
    found = [one.source for one in find_documents([folder], "faq")]
    assert found == ["folder/inside.txt", "folder/open.txt"]


def test_a_catalog_reads_as_a_menu() -> None:
    catalog = {
        "currency_code": "EUR",
        "products": [
            {
                "product_id": "latte",
                "name": "Latte",
                "category": "Coffee",
                "price_minor": "380",
                "allergens": ["milk"],
                "option_group_ids": ["milk"],
                "add_on_ids": ["syrup"],
                "attributes": {"caffeine": "about 130 mg"},
            },
            {"product_id": "tea", "name": "Tea"},
        ],
        "option_groups": [
            {
                "option_group_id": "milk",
                "name": "Milk",
                "options": [{"name": "Oat milk"}, {"name": "Coconut milk", "unavailable": True}],
            }
        ],
        "add_ons": [{"add_on_id": "syrup", "name": "Vanilla syrup"}],
    }
    latte, tea = json.loads(menu_document(catalog))["menu"]
    assert latte == {
        "name": "Latte",
        "category": "Coffee",
        "description": "",
        "price": "3.80 EUR",
        "allergens": ["milk"],
        "caffeine": "about 130 mg",
        "choices": {"Milk": ["Oat milk"]},
        "extras": ["Vanilla syrup"],
    }
    assert (tea["price"], tea["allergens"]) == ("0.00 EUR", "none declared")
