"""English words that say nothing about what is asked."""

# Function words (after the Snowball project's list), what is left of contractions when they are
# split, and how people ask for things: a guest's question is mostly made of these, and in few
# documents the rare ones would count most.
STOP_WORDS = frozenset(
    """
    i me my mine myself we us our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves
    what which who whom whose this that these those when where why how
    am is are was were be been being have has had having do does did doing done
    will would shall should can could may might must ought cannot
    a an the and but if or because as until while of at by for with about against between into
    through during before after above below to from up down in out on off over under again
    further then once here there all any both each few more most other some such no nor not only
    own same so than too very also just
    s t d m ll re ve don isn aren wasn weren hasn haven hadn doesn didn won wouldn shan shouldn
    couldn mustn let
    please thanks want wanna need like get got know tell
    """.split()
)
