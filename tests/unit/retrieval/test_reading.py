"""What becomes of Markdown, text and JSON before they are cut up."""

import json

import pytest

from services.retrieval.documents.document import DocumentKind, Draft, MediaType
from services.retrieval.documents.reading import read, title_of
from services.retrieval.documents.section import Section, Unreadable

MARKDOWN = """Before any heading.

# House rules #

Welcome.

## Dogs

Only on the terrace.

### Large ones

On a lead.

## Wifi
```
# not a heading
```

Opening hours
=============
From eight.

Kitchen
---
Until nine.

# Smoking
# Last
| a | b |
|---|---|
"""


def test_markdown_is_cut_at_headings_of_both_kinds() -> None:
    assert list(read(MediaType.MARKDOWN, MARKDOWN)) == [
        Section((), "Before any heading."),
        Section(("House rules",), "Welcome."),
        Section(("House rules", "Dogs"), "Only on the terrace."),
        Section(("House rules", "Dogs", "Large ones"), "On a lead."),
        Section(("House rules", "Wifi"), "```\n# not a heading\n```"),
        Section(("Opening hours",), "From eight."),
        Section(("Opening hours", "Kitchen"), "Until nine."),
        Section(("Smoking",), "Smoking"),
        Section(("Last",), "| a | b |\n|---|---|"),
    ]


def test_an_array_of_objects_is_a_record_each() -> None:
    content = json.dumps(
        {
            "city": "Bern",
            "open": {"Monday": "8 to 18", "Tuesday": None},
            "products": [
                {"name": "Latte", "allergens": ["milk", "soy"], "vegan": False, "price": 3.8},
                {"sizes": [{"cl": 20}, {"cl": 30}], "tags": []},
                {},
            ],
        }
    )
    assert list(read(MediaType.JSON, content)) == [
        Section((), "city: Bern\nopen.Monday: 8 to 18"),
        Section(("products", "Latte"), "name: Latte\nallergens: milk, soy\nvegan: no\nprice: 3.8"),
        Section(("products",), "sizes[0].cl: 20\nsizes[1].cl: 30"),
    ]


def test_json_may_be_any_value() -> None:
    assert list(read(MediaType.JSON, '[{"id": "a"}, {"b": 1}]')) == [
        Section(("a",), "id: a"),
        Section((), "b: 1"),
    ]
    assert list(read(MediaType.JSON, '["a", ["b", "c"]]')) == [Section((), "[0]: a\n[1]: b, c")]
    assert list(read(MediaType.JSON, "7")) == [Section((), "7")]


@pytest.mark.parametrize(
    ("media_type", "content", "problem"),
    [
        (MediaType.JSON, '{\n"a": 1,\n}', "line 3: "),
        (MediaType.JSON, "[" * 10_000 + "]" * 10_000, "nested too deeply"),
        (MediaType.JSON, "1" * 5_000, "integer"),
        (MediaType.JSON, '{"a": null, "b": []}', "no words"),
        (MediaType.TEXT, " \n\t", "no words"),
        (MediaType.MARKDOWN, "---", "no words"),
        (MediaType.TEXT, "a\0b", "NUL"),
    ],
)
def test_what_cannot_be_read_says_why(media_type: MediaType, content: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read(media_type, content)


@pytest.mark.parametrize(
    ("title", "media_type", "content", "expected"),
    [
        ("Rules ", MediaType.MARKDOWN, "# Other", "Rules"),
        ("", MediaType.MARKDOWN, "# House rules\nBe nice.", "House rules"),
        ("", MediaType.MARKDOWN, "Be nice.", "rules.md"),
        ("", MediaType.JSON, '[{"name": "Latte"}]', "rules.md"),
    ],
)
def test_a_document_without_a_title_is_called_by_its_heading_or_source(
    title: str, media_type: MediaType, content: str, expected: str
) -> None:
    draft = Draft(title, DocumentKind.OTHER, "rules.md", media_type, content)
    assert title_of(draft, read(media_type, content)) == expected


@pytest.mark.parametrize("media_type", list(MediaType))
def test_white_space_without_end_is_cut_short(media_type: MediaType) -> None:
    wide = "Soup" + " " * 5000 + "4 €" + "\n" * 5000 + "Bread"
    content = json.dumps(wide) if media_type is MediaType.JSON else wide
    assert read(media_type, content) == [Section((), "Soup 4 €\n\nBread")]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("#" + " " * 5000 + "Dogs" + " " * 5000 + "and cats", "Dogs and cats"),
        ("##\tWhat is C# ##  ", "What is C#"),
        ("# #1 on the street", "#1 on the street"),
        ("### ###", ""),
    ],
)
def test_a_heading_is_its_words_without_the_marks_around_them(line: str, title: str) -> None:
    (section,) = read(MediaType.MARKDOWN, f"{line}\nOnly on the terrace.")
    assert section == Section((title,), "Only on the terrace.")
