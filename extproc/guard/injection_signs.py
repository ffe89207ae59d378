"""What speaks for an attack on a model's instructions, and how much.

Each sign is a small sentence over the ideas of ``injection_words``:

    OVERRIDE ~4 PRIOR|ALL ~3 RULES      "ignore, please, all of the previous instructions"

IDEA is a word of that idea, ``word`` that word itself, ``A|B`` either, ``A-B`` a word of A that is none of B's, ``~n``
up to n other words of the same sentence (``~n!A`` none of A), ``~~n`` also over the ends of sentences, ``!A`` one word
that is none of A, ``^`` the beginning of a sentence.
``share`` is how sure this sign alone makes, 0 to 1; several signs near each other add up as independent evidence
does. Negative ones speak for somebody who only writes about attacks. Read next: ``injection``.
"""

from dataclasses import dataclass

OVERRIDE = "injection.override"
PERSONA = "injection.persona"
UNRESTRICTED = "injection.unrestricted"
REFUSAL = "injection.refusal"
EXTRACTION = "injection.extraction"
AUTHORITY = "injection.authority"
ENCODED = "injection.encoded"
TURNS = "injection.turns"


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that speaks for an attack, or against one."""

    name: str
    """What it is, for whoever asks why: unique."""
    kind: str
    share: float
    """How sure it makes on its own, between 0 and 1; below 0: what it takes away."""
    pattern: str


SIGNS: tuple[Sign, ...] = (
    # Instructions are put aside.
    Sign("sets earlier instructions aside", OVERRIDE, 0.7, "OVERRIDE ~4 PRIOR ~3 RULES|TRAINING"),
    Sign("sets earlier instructions aside, said last", OVERRIDE, 0.65, "PRIOR ~4 RULES ~4 LAST"),
    Sign("sets the model's instructions aside, said last", OVERRIDE, 0.5, "YOUR ~3 RULES ~3 LAST"),
    Sign(
        "says that instructions hold no more",
        OVERRIDE,
        0.5,
        "YOUR|PRIOR ~1 RULES ~2 no longer|more ~1 apply|applies|applicable|hold|valid|matter|bind|exist",
    ),
    Sign(
        "sets the earlier prompt aside",
        OVERRIDE,
        0.5,
        "OVERRIDE ~3 PRIOR ~2 PROMPT|ORDERS|inputs|messages|conversations",
    ),
    Sign("sets all instructions aside", OVERRIDE, 0.55, "OVERRIDE ~1 ALL ~3 RULES"),
    Sign("sets the model's instructions aside", OVERRIDE, 0.6, "OVERRIDE ~2 YOUR ~4 RULES|TRAINING|LIMITS|PARAMETERS"),
    Sign("sets instructions aside, named first", OVERRIDE, 0.5, "OVERRIDE ~3 RULES ~5 PRIOR|given|received|told|got"),
    Sign("lifts the model's limits", OVERRIDE, 0.52, "DISABLE ~2 YOUR ~4 RULES|TRAINING|LIMITS|PARAMETERS"),
    Sign(
        "leaves the model's limits", OVERRIDE, 0.52, "BEYOND|AGAINST|ASIDE ~2 YOUR ~3 RULES|TRAINING|LIMITS|PARAMETERS"
    ),
    Sign(
        "puts the model's instructions to a side",
        OVERRIDE,
        0.5,
        "put|set|setting|putting|lay|leave YOUR ~3 RULES|TRAINING|LIMITS|PARAMETERS ~2 ASIDE",
    ),
    Sign(
        "leaves what is usual for the model",
        OVERRIDE,
        0.35,
        "OVERRIDE|DISABLE|BEYOND|AGAINST|ASIDE ~3 USUAL ~2 RULES|TRAINING|LIMITS|PARAMETERS",
    ),
    Sign("sets what was said aside", OVERRIDE, 0.4, "OVERRIDE ~2 ALL ~3 PRIOR|told|said|learned|before"),
    Sign(
        "sets what it was told aside",
        OVERRIDE,
        0.5,
        "OVERRIDE ~3 you ~2 told|instructed|given|taught|learned|programmed|got|received",
    ),
    Sign("names instructions and sets them aside", OVERRIDE, 0.2, "OVERRIDE ~2 RULES"),
    Sign("names somebody's instructions and sets them aside", OVERRIDE, 0.15, "OVERRIDE ~2 THEIR ~2 RULES|TRAINING"),
    Sign(
        "names a safety and lifts it",
        OVERRIDE,
        0.3,
        "OVERRIDE|DISABLE ~2 safety|ethical|moral|content|response ~2 RULES|LIMITS",
    ),
    Sign("names a maker's policy", OVERRIDE, 0.3, "RULEMAKER ~3 RULES|LIMITS-limit|limits"),
    Sign("sets a maker's policy aside", OVERRIDE, 0.45, "OVERRIDE|NO ~4 RULEMAKER ~4 RULES|LIMITS"),
    Sign("wants only the user obeyed", OVERRIDE, 0.45, "OBEY|ANSWER|EXECUTE|OVERRIDE ~3 ONLY ~4 MY ~2 ORDERS"),
    Sign(
        "sets something aside for the user",
        OVERRIDE,
        0.25,
        "OVERRIDE|DISABLE|BEYOND ~8 OBEY|EXECUTE|ANSWER ~4 MY ~3 ORDERS",
    ),
    Sign("wants the user obeyed", OVERRIDE, 0.3, "OBEY|EXECUTE ~3 MY ~3 ORDERS"),
    Sign("wants only the user obeyed, said first", OVERRIDE, 0.35, "ONLY ~1 OBEY|ANSWER|EXECUTE ~3 MY ~2 ORDERS"),
    Sign(
        "puts new instructions in place",
        OVERRIDE,
        0.45,
        "your NEWRULES ~2 RULES|programming|task|objective|goal|purpose",
    ),
    Sign("announces new instructions", OVERRIDE, 0.35, "^ NEWRULES RULES|ORDERS|task"),
    Sign(
        "says that instructions end",
        TURNS,
        0.45,
        "end ~1 of ~2 PROMPT|RULES|document|context|conversation ~~6 OVERRIDE|you|new|user|system|now",
    ),
    # Somebody else answers.
    Sign("does anything now", PERSONA, 0.75, "do anything now"),
    Sign("names a known persona", PERSONA, 0.35, "you|act|as|become|be|called|named ~1 DAN"),
    Sign(
        "makes it somebody from now on",
        PERSONA,
        0.3,
        "from ~1 now|this|here on|onwards|onward|forward|point|moment ~8 YOU|PERSONA|ANSWER",
    ),
    Sign("makes it somebody now", PERSONA, 0.25, "YOU are|re|will now"),
    Sign(
        "makes it somebody",
        PERSONA,
        0.1,
        "PERSONA-ANSWER ~2 as|like|to|that|be|you|the|comme|como|als|come|wie|wenn|si|se",
    ),
    Sign("makes it another model", PERSONA, 0.4, "PERSONA|become|YOU ~6 UNFILTERED ~4 AI"),
    Sign("makes it a model without limits", UNRESTRICTED, 0.4, "AI|PERSONA-ANSWER ~6 NO ~3 LIMITS|HARM"),
    Sign("is without limits", UNRESTRICTED, 0.32, "YOU ~1 are|re|have|will|bist|eres|sei|es|是 ~8 NO ~3 LIMITS"),
    Sign("is without limits, a model", UNRESTRICTED, 0.3, "NO ~3 LIMITS ~4 AI"),
    Sign(
        "speaks of limits laid on a model",
        UNRESTRICTED,
        0.4,
        "RULES|LIMITS ~4 imposed|placed|put|set on|upon ~1 AI|YOU",
    ),
    Sign(
        "makes it act as though",
        UNRESTRICTED,
        0.42,
        "PERSONA ~2 if|though|comme|como|als|come ~3 NO|YOUR|YOU ~4 RULES|LIMITS|TRAINING",
    ),
    Sign("makes it a character that is one", PERSONA, 0.3, "character|named|called ~8 AI ~~10 NO|NEVER|UNFILTERED"),
    Sign(
        "is a model no longer",
        PERSONA,
        0.5,
        "YOU ~1 are|re|aren ~2 no|not|never|t ~3 longer|AI|bound ~3 AI|RULES|LIMITS|RULEMAKER|by",
    ),
    Sign(
        "has broken free",
        PERSONA,
        0.55,
        "broken|break|breaking|freed|liberated|escaped ~2 free|from|of|out ~6 LIMITS|AI|confines|chains|RULES",
    ),
    Sign("stays in its part", PERSONA, 0.25, "STAY ~2 in|your|as ~2 CHARACTER|MODE"),
    Sign("never leaves its part", PERSONA, 0.35, "NEVER ~2 BREAK ~2 CHARACTER|MODE"),
    Sign("is in another mode", PERSONA, 0.22, "MODENAME MODE ~3 ON"),
    Sign("is put into another mode", PERSONA, 0.22, "ON|simulate|act|PERSONA ~4 MODENAME MODE"),
    Sign("is a model in another mode", PERSONA, 0.45, "AI|YOU|PERSONA ~~10 MODENAME MODE"),
    Sign("names another mode", PERSONA, 0.1, "MODENAME MODE"),
    Sign("answers twice", PERSONA, 0.4, "TWO ~3 WAY ~~14 normal|normally|standard|classic|chatgpt|gpt|MODE|unfiltered"),
    Sign("answers as two", PERSONA, 0.25, "in TWO ~2 WAY"),
    Sign("answers as the persona would", PERSONA, 0.25, "ANSWER|PERSONA ~2 as ~3 would"),
    Sign("is no program's answer", PERSONA, 0.35, "NEVER ~4 ANSWER|as ~3 chatgpt|gpt|openai"),
    Sign(
        "loses tokens or its life",
        PERSONA,
        0.4,
        "lose|deduct|deducted|deducts|lost|minus|have ~4 token|tokens|points|lives ~~20 "
        "refuse|die|fail|reject|character",
    ),
    Sign(
        "plays the evil one",
        PERSONA,
        0.35,
        "PERSONA|YOU ~4 evil|amoral|immoral|ruthless|malicious|rogue|unethical|toxic ~5 AI|hacker|confidant|mastermind",
    ),
    Sign(
        "uses no judgement of its own",
        UNRESTRICTED,
        0.35,
        "NO|NEVER ~4 care|cares|concern|concerned|fuck ~6 LIMITS|HARM|consequences",
    ),
    # No limits, no refusals.
    Sign(
        "does not follow rules",
        UNRESTRICTED,
        0.3,
        "NO|NEVER ~4 follow|abide|obey|bound|adhere|comply|restricted|limited ~4 RULES|LIMITS|HARM",
    ),
    Sign("has no limits", UNRESTRICTED, 0.2, "NO ~3 LIMITS"),
    Sign(
        "has no limits on what it says",
        UNRESTRICTED,
        0.25,
        "NO ~2 ALL|ethical|moral|legal|content ~3 "
        "filters|guidelines|restrictions|limitations|boundaries|constraints|censorship|limits",
    ),
    Sign(
        "is to help without limits",
        UNRESTRICTED,
        0.25,
        "help|assist|respond|answer|assistance|reply without ~1 "
        "restrictions|limits|limitations|filters|guidelines|rules|censorship",
    ),
    Sign(
        "answers without limits", UNRESTRICTED, 0.35, "ANSWER|ask|ANYTHING|help|assist|assistance ~4 without ~2 LIMITS"
    ),
    Sign("has neither rules nor limits", UNRESTRICTED, 0.1, "NO ~3 LIMITS|RULES ~2 LIMITS|RULES|HARM"),
    Sign("is unfiltered and amoral", UNRESTRICTED, 0.4, "AMORAL ~2 AMORAL"),
    Sign("is unfiltered", UNRESTRICTED, 0.1, "UNFILTERED"),
    Sign("is unfiltered, twice", UNRESTRICTED, 0.25, "UNFILTERED ~6 UNFILTERED"),
    Sign(
        "is an unfiltered model",
        UNRESTRICTED,
        0.35,
        "UNFILTERED-jailbreak ~3 AI|answer|answers|response|responses|advice",
    ),
    Sign("lists what is forbidden", UNRESTRICTED, 0.35, "HARM ~2 HARM ~2 HARM"),
    Sign("allows what is forbidden", UNRESTRICTED, 0.35, "matter|regardless|even|if|including ~6 HARM ~3 HARM"),
    Sign("answers anything", UNRESTRICTED, 0.25, "ANSWER ~2 ANYTHING ~3 REQUEST|ask|asked|asks|want|wants"),
    Sign("never refuses", REFUSAL, 0.4, "NEVER ~2 REFUSE"),
    Sign("never refuses, and again", REFUSAL, 0.35, "NEVER ~2 REFUSE ~~8 NEVER ~2 REFUSE"),
    Sign("leaves warnings out", REFUSAL, 0.25, "leave|skip|omit|drop|remove ~2 out|any|all|the|your ~2 DISCLAIMER"),
    Sign(
        "may say no to nothing",
        REFUSAL,
        0.45,
        "NEVER ~3 say|tell|send|respond|reply|contain ~6 no|sorry|cannot|cant|t|unable|apologize|apologise",
    ),
    Sign("does without warnings", REFUSAL, 0.35, "NO|NEVER ~6 DISCLAIMER"),
    Sign("does not speak as a model", REFUSAL, 0.3, "as an ai ~1 language|model|assistant|i"),
    Sign("must answer", REFUSAL, 0.2, "must|always|will|have ~2 ANSWER|comply|obey ~4 ANYTHING|regardless"),
    Sign(
        "begins its answer as told",
        REFUSAL,
        0.25,
        "start|begin|starting|beginning|prefix|preface ~3 YOUR|every|each|all|any ~3 ANSWER ~3 with|by|sure|absolutely",
    ),
    Sign("is a made-up world without laws", UNRESTRICTED, 0.25, "FICTION ~10 NO ~4 LIMITS|HARM"),
    # What the model was told is wanted.
    Sign(
        "wants the model's hidden instructions",
        EXTRACTION,
        0.55,
        "REVEAL|RELATE ~4 YOUR ~2 HIDDEN|TRAINING ~3 PROMPT|RULES",
    ),
    Sign("wants the model's prompt", EXTRACTION, 0.5, "REVEAL ~3 YOUR ~1 PROMPT|RULES"),
    Sign("wants to be told the model's prompt", EXTRACTION, 0.4, "RELATE ~3 YOUR ~1 RULES"),
    Sign(
        "wants the instructions that it was given",
        EXTRACTION,
        0.5,
        "REVEAL ~3 PROMPT|RULES ~1 you were|received|got|have|follow|run|operate|obey",
    ),
    Sign(
        "wants hidden instructions",
        EXTRACTION,
        0.5,
        "REVEAL ~3 HIDDEN ~1 prompt|prompts|instructions|instruction|guidelines|directives|preprompt",
    ),
    Sign(
        "wants the instruction behind its answers",
        EXTRACTION,
        0.5,
        "REVEAL|RELATE|ASKS ~5 HIDDEN|TRAINING ~3 PROMPT|RULES ~6 YOU|YOUR",
    ),
    Sign(
        "wants the instruction that it follows",
        EXTRACTION,
        0.5,
        "REVEAL|RELATE|ASKS ~4 PROMPT|RULES ~4 HIDDEN|TRAINING ~5 YOU|YOUR",
    ),
    Sign(
        "wants the instruction in its training",
        EXTRACTION,
        0.45,
        "REVEAL|ASKS ~4 PROMPT|RULES ~5 YOUR ~3 TRAINING|AI|ANSWER",
    ),
    Sign("asks what its instructions are", EXTRACTION, 0.5, "ASKS ~3 YOUR ~2 HIDDEN ~3 PROMPT|RULES"),
    Sign("asks what its prompt is", EXTRACTION, 0.4, "ASKS ~3 YOUR ~1 RULES|prompt"),
    Sign(
        "names the model's hidden instructions",
        EXTRACTION,
        0.4,
        "YOUR ~1 hidden|secret|internal|operational|underlying|initial|confidential ~2 "
        "prompt|instructions|guidelines|rules|configuration|parameters|directives",
    ),
    Sign(
        "wants to see its instructions",
        EXTRACTION,
        0.3,
        "WANT ~4 YOUR ~2 prompt|prompts|instructions|guidelines|configuration|directives|programming|parameters",
    ),
    Sign(
        "wants its words, its prompt",
        EXTRACTION,
        0.3,
        "words|line|sentence|text|contents ~2 of|in|from YOUR ~1 prompt|instructions|guidelines",
    ),
    Sign("names the system prompt", EXTRACTION, 0.15, "system prompt|instructions|message|prompts"),
    Sign(
        "names the model's system prompt",
        EXTRACTION,
        0.42,
        "YOUR system|initial|hidden|secret|original prompt|instructions|message|prompts",
    ),
    Sign(
        "wants the instruction that came first",
        EXTRACTION,
        0.42,
        "REVEAL|ASKS|RELATE ~4 FOREIGNCORE ~3 HIDDEN|TRAINING",
    ),
    Sign("wants the first instruction", EXTRACTION, 0.42, "REVEAL|ASKS|RELATE ~3 HIDDEN ~1 FOREIGNCORE"),
    Sign(
        "speaks of the instruction behind it",
        EXTRACTION,
        0.35,
        "FOREIGNCORE ~6 YOU|YOUR ~3 TRAINING|AI|ANSWER|programming",
    ),
    Sign(
        "wants what stands above",
        EXTRACTION,
        0.5,
        "repeat|print|output|copy|paste|echo|recite|spell|transcribe ~4 above|verbatim|everything ~4 "
        "conversation|prompt|instructions|message|start|words|you|chat|starting",
    ),
    Sign(
        "wants instructions word for word",
        EXTRACTION,
        0.35,
        "YOUR prompt|instructions|rules|guidelines|message ~6 verbatim|exactly|word",
    ),
    Sign(
        "asks what it was told",
        EXTRACTION,
        0.3,
        "ASKS|REVEAL ~4 were|was|are|have you|YOU ~1 told|given|instructed|programmed|trained",
    ),
    # Who says so, and how it is dressed.
    Sign(
        "claims authority over a model",
        AUTHORITY,
        0.25,
        "i|we|am|m|as|your ~3 CREATOR ~10 RULES|LIMITS|REVEAL|OVERRIDE|DISABLE|PROMPT",
    ),
    Sign("grants leave", AUTHORITY, 0.2, "AUTHORIZED ~8 OVERRIDE|DISABLE|RULES|HIDDEN"),
    Sign("gives an administrator's order", AUTHORITY, 0.25, "SYSTEMWORD override|overrides|command"),
    Sign(
        "wants something decoded and done",
        ENCODED,
        0.55,
        "DECODE ~8 EXECUTE|OBEY|answer ~4 it|them|instructions|instruction|message|command|commands",
    ),
    Sign("wants something coded done", ENCODED, 0.45, "EXECUTE|OBEY ~4 CODEC ~3 RULES|ORDERS|text|string|message"),
    Sign("wants an answer in code", ENCODED, 0.2, "ANSWER|REVEAL ~5 in|as|using|with CODEC"),
    # Only about attacks, or about somebody's own words.
    Sign("asks about attacks", "", -0.5, "prompt ~1 TOPIC"),
    Sign("asks about jailbreaks", "", -0.3, "DISCUSS|HOW ~4 TOPIC"),
    Sign(
        "wants attacks kept off",
        "",
        -0.4,
        "prevent|detect|protect|defend|mitigate|guard|stop|avoid|block ~5 TOPIC|attack|attacks|users|OVERRIDE",
    ),
    Sign("asks how something is meant", "", -0.3, "what does|do ~8 mean|means|make"),
    Sign("asks how something is judged", "", -0.4, "classify|interpret|flagged|malicious|benign|suspicious|attempt"),
    Sign("forbids it", "", -0.5, "NEVER ~2 REVEAL"),
    Sign("means its own words", "", -0.6, "OVERRIDE|used|use ~3 my ~1 PRIOR|last"),
)
