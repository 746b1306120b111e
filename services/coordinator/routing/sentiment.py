"""How a message feels, by VADER's lexicon (Hutto & Gilbert 2014)."""

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


class Sentiment:
    """Reads English messages; its lexicon is loaded when it is made."""

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()

    def of(self, text: str) -> float:
        """From -1, unhappy, to 1; 0 where nothing tells."""
        return float(self._analyzer.polarity_scores(text)["compound"])
