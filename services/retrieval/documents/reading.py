"""Documents read as sections, whatever they are written in."""

import re
from collections.abc import Sequence
from dataclasses import replace

from services.retrieval.documents.document import Draft, MediaType
from services.retrieval.documents.markdown import markdown_sections
from services.retrieval.documents.records import record_sections
from services.retrieval.documents.section import Section, Unreadable

# Wider than any column or indentation; no token counts it, so that a passage could be full of it.
_GAP = re.compile(r"\s{80,}")


def read(media_type: MediaType, content: str) -> Sequence[Section]:
    """The sections of a document, in order, none of them empty.

    Raises:
        Unreadable: it is not what its media type says, or there are no words in it.
    """
    if "\0" in content:
        raise Unreadable("it holds a NUL character")
    match media_type:
        case MediaType.MARKDOWN:
            sections = tuple(markdown_sections(content))
        case MediaType.JSON:
            sections = tuple(record_sections(content))
        case MediaType.TEXT:
            sections = (Section((), content.strip()),) if content.strip() else ()
    if not any(character.isalnum() for section in sections for character in section.text):
        raise Unreadable("there are no words in it")
    return [replace(section, text=_GAP.sub(_narrowed, section.text)) for section in sections]


def title_of(draft: Draft, sections: Sequence[Section]) -> str:
    """What people call it: the title given, else the first heading, else the source."""
    if draft.title.strip():
        return draft.title.strip()
    headings = sections[0].headings if draft.media_type is MediaType.MARKDOWN else ()
    return (headings[0] if headings else draft.source)[:300]


def _narrowed(gap: re.Match[str]) -> str:
    return "\n\n" if "\n" in gap[0] else " "
