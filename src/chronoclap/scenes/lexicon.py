"""The few words that phrase grammar needs to know; a word missing here costs variety, never correctness."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _words(
    "a an the some several many two three four another his her their its my this that these those "
    "multiple various"
)
"""Words that show a phrase to be complete as it stands."""

SINGLE_DETERMINERS = _words("a an another")
"""Those after which a word in -s is a verb ("a dog barks"), where "some water drops" may be no act at all."""

PRONOUNS = _words("someone somebody something")
"""Subjects without an article."""

PREPOSITIONS = _words(
    "in on with of from at by off into onto under over through against near inside outside behind across "
    "along for to down up out around being while as followed then"
)
"""Words that end the head of a noun phrase: the head of "footsteps in water" is "footsteps"."""

MASS = _words(
    "rain thunder lightning wind water speech laughter applause machinery static music traffic noise "
    "silence snow glass wood ceramic metal paper chalk smoke steam hail surf weather chatter conversation "
    "gunfire gravel sand ice grass air food liquid babble hubbub narration percussion cutlery silverware "
    "jazz reggae techno disco funk opera grunge dubstep electronica flamenco gossip reverberation "
    "distortion cacophony poultry vibration artillery feedback drizzle ambience mastication eructation "
    "afrobeat ska plastic foam leather cloth fabric transport equipment conditioning clothing lighting "
    "furniture morse bluegrass pizzicato timpani"
)
"""Nouns that take no "a"."""

PLURALS = _words("people children men women feet geese mice teeth cattle police livestock oxen crickets")
"""Plurals that do not end in s."""

SINGULARS_IN_S = _words("gas bus bass brass tennis series chaos virus campus canvas iris lens mains")
"""Singulars that do end in s (those in -ss, -us and -is are recognised by that)."""

PROPER = _words("French Hammond Christian Carnatic Christmas Geiger Indian Irish Spanish Latin African I")
"""First words that keep their capital inside a sentence."""

ADJECTIVES = _words(
    "loud quiet soft heavy light distant faint constant continuous fast slow deep low high muffled male "
    "female human sudden rhythmic steady quick gentle strong electric electronic mechanical synthetic "
    "rapid sharp shrill"
)
"""Words before a gerund that make it a thing ("heavy breathing") rather than an act ("dog breathing")."""

ING_NOUNS = _words(
    "ring lightning king string wing spring thing sting sling swing ceiling building clothing casing "
    "evening morning wedding conditioning bowling recording railing ping ding boing zing bling during "
    "anything something everything nothing fling sibling duckling gosling herring earring living"
)
"""Words in -ing that are no gerunds."""

OBJECT_FIRST = _words("typing snapping clearing brushing chopping cutting dialing dialling writing handling")
"""Gerunds that act on the word before them: a keyboard does not type, so "keyboard typing" stays a thing."""

HUMAN_VERBS = _words(
    "cough sneeze snore breathe scream whisper laugh vomit drink sing talk speak cry sigh yawn hiccup "
    "burp gargle chew eat shout yell giggle sniff gasp groan whistle type write dig saw hum"
)
"""What "someone" does when nobody is named: "coughing" becomes "someone coughs"."""

TRANSITIVE_VERBS = _words(
    "pour chop brush dig light cock reload erase write open close shut play load fire strike hit drop "
    "crumple tear shuffle chew bite cut turn start shake stir knock clean wash sweep type strum bounce "
    "throw peel slice fry"
)
"""What someone does to the noun that follows: "pouring water" has a doer, "rustling leaves" has none."""

NOUN_VERBS = {
    "rain": "fall",
    "hail": "fall",
    "thunder": "rumble",
    "wind": "blow",
    "bell": "ring",
    "bells": "ring",
    "doorbell": "ring",
    "telephone": "ring",
    "phone": "ring",
    "siren": "wail",
    "sirens": "wail",
    "horn": "sound",
    "alarm": "sound",
    "foghorn": "sound",
}
"""What some things do when they are heard."""

DOUBLING = _words(
    "pop run shut spin hum drip tap slam knit rev whir purr clap flap zip rip chop snap clip hit cut dig "
    "drop drum strum grab stop chug pat plop stir beg nag wag trot hop skid rub scrub slap clog thud "
    "tip zap yap yip"
)
"""Verbs that double their last letter before -ing."""

_OTHER_VERBS = _words(
    "cheer bark bleat break honk croak squeak meow miaow neigh gobble squawk cluck chirp caw moo howl "
    "hoot growl roar grunt snort gallop buzz hiss bray oink quack coo crow trumpet call squeal whine "
    "whimper pant yowl screech chatter tweet warble peck bellow mew stridulate rattle crackle burn ignite "
    "explode bang boom crash shatter smash fall creak close start idle accelerate pass drive approach "
    "roll beep ring toll chime tick wail sound blare rumble blow rustle splash bubble trickle gurgle flow "
    "lap crest crack jingle jangle clink clank clatter clang thump knock flush vacuum grind whirr inflate "
    "deflate slide ricochet squelch stomp walk fizz sizzle boil murmur babble mutter speak swing twang "
    "pluck bow clack click clip-clop gasp sob shout wheeze squish rasp thunder fly land vibrate swish "
    "whoosh sway snarl squirt spray hammer drill sputter bounce work operate swirl pour squeeze skip trot "
    "hover wind move leak scrape scratch squabble cackle caterwaul ribbit shriek"
)

VERBS = DOUBLING | HUMAN_VERBS | TRANSITIVE_VERBS | _OTHER_VERBS
"""Verbs whose gerund may safely be turned back into "-s": anything else is only ever "heard"."""
