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

# Everyday words: spelt as they are meant, however close a menu word comes.
COMMON_WORDS: frozenset[str] = frozenset(
    """
    about above abroad accept access account across actor actual address adult advice afraid
    agree ahead alive allergic allergy allow almost alone along among amount angry animal answer
    appear apply area argue army around arrive aside asleep attack aunt author autumn avoid
    awake away baby back bake baked ball band bank base basic bath beach bear beard beat beauty
    because become begin behind belief believe bell belong below belt bench beside best better
    between beyond bike bill bird birth bite bitter black blame blank blind block blood board
    boat body boil bone book boot bored boring borrow boss bother bottom bought bound brain
    branch brave break breath bridge brief bright bring broad broken brother brought brown build
    burn business busy button cake calm camera camp candle card care career careful carry cash
    catch cause cent center chair chance change charge chase chat cheap check cheer cheers child
    choice choose chose chosen church circle city claim class clean clear clever client climb
    clock close closed cloth cloud club coach coal coast coat cold colder coldest collar color
    colour common company compare complain cook cool corner cost count country course court
    cover coworker crazy cream create credit crime cross crowd cruel cry culture curious current
    cute damage dance danger dark darker date daughter dead deal dear death decide deep degree
    degrees delay deliver depend desk despite detail develop diet differ dinner direct dirty
    doctor dollar door double doubt dozen drama draw dream dress drive driver drove dry during
    dust duty each early earn earth east easy eaten edge effect effort eight either elbow else
    empty end enemy energy engine enjoy enough enter entire equal error escape euro even event
    ever evil exact exam example except excite excuse expect expensive explain express eye face
    fact fail fair faith fall false fame family famous fancy farm fast fate father fault favor
    fear feature feed feet fellow fence fetch fever field fight figure file fill film final
    finally find finger finish fire firm fish fix flag flat flight float flood floor flow flower
    fly fold folk follow food fool foot force foreign forest forever forgive form former forth
    forward found free fresh friend front full funny future game garden gate gather gentle gift
    girl given glad gluten goal gold gone goodbye grade grand grandma grass grave gray great
    green grief ground group grow guard guess guest guide habit hair half hall hand handle hang
    happen happy hard hardly hate hated head health hear heard heart heat heated heaven heavy
    height hell here hero hide high hill hire history hobby hole holiday home honest horse
    hospital hotter hottest hour house however huge human hundred hungry hunt hurry hurt husband
    idea ideal ignore image include inside island issue itself jail join joke journey judge jump
    just keen kept kick kid kidding kids kill kind king kiss kitchen knee knew knife knock know
    known lack lady lake land lane large later laugh laundry lead leader lean learn least leave
    left legal lend length less lesson letter level life lift light lighter limit line link list
    listen little live lively lock lonely long loose lord lose loss lost loud love lover lower
    luck lucky lunch machine magic mail main major male mall manage manager manner many map mark
    market marry master match mate math matter meal mean meat medium meet meeting member memory
    mental mess message metal method middle might mild mile mind minor minute mirror miss model
    modern money month mood moon moral more most mother motor mouse mouth move movie music name
    narrow nation nature near nearly neat neck needle nerve nervous never news next niece night
    nobody noise none noon normal north nose note notice number object ocean offer office often
    oil once online open opinion option orange order organic other ought outside over owner pack
    page paid pain paint pale paper parent park part partner party pass past path patient pay
    peace people perhaps period permit person phone photo pick picture pipe piping place plain
    plan plane plant plate play player please pleasure plenty pocket point poison police polite
    poor popular position post potato pound pour power pray present press pretty price pride
    prince print prison private prize problem promise proof proper proud prove public pull punch
    pure push quality queen question quick quiet quite race radio rain raise ran range rate
    rather reach read ready real reason receive record relax remain remember remind rent repeat
    reply report rest result return rice rich ride right ring rise risk river road rock role
    roof room root rose rough round route rule rush safe sail salary sale same sand save scale
    scared scene school score screen search season seat secret seem sell send sense serious
    serve served seven several shade shake shall shame shape share sharp sheet shelf shine ship
    shirt shock shoe shoot shop shore short shoulder shout show shut sick side sight sign silent
    silly silver simple since sing single sister site size skill skin sky sleep slept slow small
    smart smell smile smoke smooth snow social soft soil sold some song soon sorry sort soul
    sound sour south space speak special speech speed spell spend spent spice spill spirit spoil
    sport spot spread spring stage stair stand star stare start state station stay steal steam
    steamed steaming step stick stir stock stolen stone stood stop store storm story strange
    street stress strike strong stronger stuck student study stuff stupid style such sudden
    suffer suit summer sun super supper supply support suppose surface surprise sweet sweeter
    swim table tail taken tale talk tall taste taught teach teacher team tear tell temperature
    tend terrible test text than thank theater their them then there thick thicker thin thing
    think third thirst thirsty those though thought thousand thread threat three throat through
    throw tidy tight till time tiny tired title toe together told tomorrow tone tongue took
    tooth total touch tour toward town trade traffic train travel treat tree trial trick trip
    trouble truck true trust truth try turn twelve twenty twice type ugly uncle under unit until
    upper upset useful usual vegan very view village visit voice vote wage wait waiter walk wall
    want warm watch water wave weak weaker wear weather wedding week weekend weigh weight weird
    welcome well went were west what wheel when where which while whisper whole whom whose wide
    wife wild will wind window wine winter wire wise wish within woman wonder wood word wore
    work worker world worry worse worst worth would write writer wrong wrote yard year yellow
    yesterday young youth
    """.split()
)
MONEY = frozenset("dollar buck cent penny euro quid usd".split())
# Words of talk: no wish, so never a note for the kitchen.
IDLE_WORDS: frozenset[str] = frozenset(
    """
    appreciate asking away back bad biggie boy bravo bye clue confirmation confirming
    congratulations da damn dislike fault god goodbye gosh grateful grief haha hahaha hai hate
    hated heck hell hooray hurry idea ja lol nein non oui pardon paying payment problem rush
    seem seems si sound sounds weather welcome whoa worry wow yay
    """.split()
)


def singular(word: str) -> str:
    """Return the word without a plural ending; both sides of a comparison go through it."""
    if len(word) > 4 and word.endswith("ie"):
        return word[:-2] + "y"
    if len(word) <= 3 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return word[:-2]
    return word[:-1]
