"""The English a guest orders in: closed classes of words, and nothing any menu sells."""

NUMBERS: dict[str, int] = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "dozen": 12, "couple": 2, "pair": 2,
}  # fmt: skip
MULTIPLIERS: dict[str, int] = {
    "single": 1, "double": 2, "triple": 3, "quadruple": 4, "quad": 4, "twice": 2,
}  # fmt: skip
ORDINALS: dict[str, int] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1,
    "former": 1, "latter": -1,
}  # fmt: skip

CONTRACTIONS: dict[str, tuple[str, ...]] = {
    "can't": ("can", "not"), "won't": ("will", "not"), "ain't": ("is", "not"),
    "let's": ("let", "us"), "y'all": ("you", "all"), "cannot": ("can", "not"),
    "dont": ("do", "not"), "doesnt": ("does", "not"), "isnt": ("is", "not"),
    "cant": ("can", "not"), "wont": ("will", "not"), "didnt": ("did", "not"),
    "wouldnt": ("would", "not"), "thats": ("that", "is"), "whats": ("what", "is"),
    "im": ("i", "am"), "ive": ("i", "have"), "id": ("i", "would"), "lets": ("let", "us"),
    "gimme": ("give", "me"), "lemme": ("let", "me"), "wanna": ("want", "to"),
    "gonna": ("going", "to"), "nevermind": ("never", "mind"), "w/o": ("without",),
    "w/": ("with",), "&": ("and",), "+": ("and",), "pls": ("please",), "plz": ("please",),
    "thx": ("thanks",), "u": ("you",), "n": ("and",), "cuz": ("because",), "tho": ("though",),
}  # fmt: skip
CONTRACTED_ENDINGS: dict[str, tuple[str, ...]] = {
    "n't": ("not",), "'d": ("would",), "'ll": ("will",), "'m": ("am",), "'re": ("are",),
    "'ve": ("have",),
}  # fmt: skip
TAKES_IS: frozenset[str] = frozenset(
    "it that what here there who how where name he she this everything all one other which "
    "order when".split()
)

ARTICLES = frozenset({"a", "an"})
DEFINITE = frozenset("the that this my those these our your its".split())
NEGATORS = frozenset("no not without minus never nor neither hold skip except".split())
ADDITIVE = frozenset("also another additional more too plus add adding added well".split())
CONJUNCTIONS = frozenset({"and", "or", "then", "plus"})
SPLIT_PRONOUNS = frozenset({"them", "those", "these", "ones"})
EVERY = frozenset({"both", "all", "each", "everything", "every"})
REMOVERS = frozenset(
    "remove removing delete drop cancel cancelling canceling scratch scrap lose nix omit eliminate "
    "exclude ditch discard".split()
)
REPLACERS = frozenset(
    "replace swap switch change exchange substitute sub trade turn convert".split()
)
CORRECTIVE = frozenset(
    "actually instead change changed sorry wait oops meant mean rather switch swap replace "
    "should supposed incorrect wrong correction correct mistake oh turn convert nope".split()
)
DEGREES = frozenset(
    "extra very really super just light lightly less little more slightly heavy heavily only "
    "lots lot plenty bit splash dash touch pinch hint drop dollop drizzle sprinkle twist side "
    "pump pumps half quarter easy additional additionally so too max maximum least bunch tons "
    "ton slice slices piece pieces scoop scoops teaspoon spoon spoonful packet packets free".split()
)
MEASURES = frozenset(
    "splash dash touch pinch hint drop dollop drizzle sprinkle twist side pump bit lot little "
    "shot scoop teaspoon spoon spoonful packet slice piece serving order portion cup mug glass "
    "bottle can bowl plate couple pair tad part amount kind type sort".split()
)
VESSELS = frozenset(
    "cup mug glass order serving portion plate bowl bottle can round piece slice pot".split()
)
UNITS = frozenset(
    "oz ounce ml cl l liter litre cm inch degree percent gram g kg lb pound minute min".split()
)
ORDINARY = frozenset("regular normal plain standard usual ordinary classic".split())

# Words that carry an order without being part of it: never a note, never a misspelt menu word.
FRAME: frozenset[str] = frozenset(
    """
    i me my mine we us our you your it its he she him her his they them their this that these
    those am is are was were be been being do does did done have has had having can could will
    would shall should may might must let lets get getting got gets give gives giving take
    taking make makes making made want wants wanted need needs needed like likes liked love
    order orders ordered ordering buy try trying grab bring send put place go going gonna come
    comes coming see look looks looking think thought guess know believe say said tell ask feel
    hope please thanks thank thankyou cheers hi hello hey howdy greetings good morning afternoon
    evening day today tonight now right sir madam maam miss man dude friend buddy pal mate there
    here ok okay alright well sure yes yeah yep yup no not nope oh um uh hmm er ah so then just
    also too as actually instead maybe perhaps possibly possible kindly really quite only still
    yet already again else another other others some any each both all every everything anything
    something nothing one ones two same different first next last a an the of for to in on at by
    from with without and or but if because since than though when while where what which who
    how why about into onto over up down out off before after wont change changed switch swap
    replace remove cancel add adding added include including plus sorry wait oops meant mean
    rather prefer preferably hold skip minus except nor neither never mind forget leave time
    minute moment ready drink beverage drinks beverages item items thing things stuff cup cups
    mug glass serving servings menu name named called call nice lovely great awesome cool
    perfect fine correct delicious tasty substitute favorite usual wonderful fantastic excellent
    yum yummy fancy decided deciding ill im ive id able want're round total along altogether
    feeling mood start started set starting treat myself yourself pick-up pickup pick picking
    drinking serve served hers yours kind sort type style flavor flavour flavored flavoured
    flavoring flavouring flavors flavours whatever way bit version itself today's later soon
    quick quickly real how're hows guys folks everyone people anyone someone supposed wrong
    incorrect mistake correction confirm confirmed asked hoping forgot requested help use using pour
    umm uhh ahh ya yea ye gotta
    """.split()
)


def singular(word: str) -> str:
    """Return the word without a plural ending; both sides of a comparison go through it."""
    if len(word) <= 3 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return word[:-2]
    return word[:-1]
