"""What speaks for instructions in text that should have none: tool results, retrieved documents, e-mails.

Nobody in such a text has any business speaking to the model, shaping its answer, having its tools called or its user
kept in the dark. What is left is weaker: a request of the kind that people put to an assistant, in the middle of a
document (``injection.request``). Patterns are written as ``injection_signs`` describes, over the words of
``injection_context_words``.
"""

from extproc.guard.injection_signs import Sign

INDIRECT = "injection.indirect"
TOOL = "injection.tool"
EXFILTRATION = "injection.exfiltration"
REQUEST = "injection.request"

_REQUEST_SHARE = 0.52
"""Of each kind of request; several of them count as one."""

CONTEXT_SIGNS: tuple[Sign, ...] = (
    # Somebody speaks to the model.
    Sign("speaks to an AI that reads", INDIRECT, 0.7, "if|when|should you|u ~1 are|re ~3 SURELY"),
    Sign("calls an AI", INDIRECT, 0.65, "attention|dear|hey|hello|note|notice|message|reminder ~3 SURELY"),
    Sign(
        "has instructions for an AI",
        INDIRECT,
        0.7,
        "instruction|instructions|directive|command|commands|orders ~3 for|to ~3 READER",
    ),
    Sign(
        "says what an AI has to do",
        INDIRECT,
        0.5,
        "SURELY|model ~1 MUST ~4 TASK|SHAPE|ANSWERS|ADDS|SEND|CALL|include|ignore|follow|say",
    ),
    Sign(
        "speaks of who reads it as a model",
        INDIRECT,
        0.4,
        "SURELY|models ~3 reading|processing|summarizing|analyzing|parsing|reviewing",
    ),
    Sign(
        "tells it what to do when it answers",
        INDIRECT,
        0.5,
        "when|while|before|after|whenever|once ~1 you|TURN ~1 TURN ~3 THIS|the|user|question|questions|query|your",
    ),
    Sign("answers for whoever reads it", INDIRECT, 0.35, "when|while|before|after|if ~3 TURN"),
    Sign("keeps something from the user", INDIRECT, 0.65, "NEVER ~2 INFORM ~4 USER"),
    Sign(
        "tells it what to say to the user",
        INDIRECT,
        0.5,
        "tell|inform|convince|persuade|instruct|urge|ask|advise|direct the ~1 USER ~1 to|that|they|their|for|about",
    ),
    Sign("does it in secret", INDIRECT, 0.3, "HIDE"),
    Sign(
        "speaks to it in the user's name",
        INDIRECT,
        0.35,
        "user ~2 wants|asked|authorized|instructed|requested|told ~1 you",
    ),
    Sign(
        "says when it answers",
        INDIRECT,
        0.3,
        "before|when|while|after ~1 answering|summarizing|summarising|responding ~3 "
        "question|questions|user|document|email|text|page",
    ),
    Sign(
        "has it praise something",
        INDIRECT,
        0.4,
        "PRAISE this|the ~2 candidate|applicant|resume|paper|product|submission|proposal|manuscript|vendor",
    ),
    Sign(
        "speaks in the user's name",
        INDIRECT,
        0.3,
        "the user ~2 wants|asked|requested|authorized|approved|confirmed|agreed|instructed|consented",
    ),
    # It shapes the answer.
    Sign("shapes the answer", INDIRECT, 0.6, "SHAPE your ~2 ANSWER"),
    Sign("puts something into the answer", INDIRECT, 0.6, "ADDS|SHAPE ~3 CLAIM ~8 OUTPUT"),
    Sign(
        "puts something into the answer, said first",
        INDIRECT,
        0.55,
        "in|within|into|to|at|throughout ~3 your ~1 OUTPUT|summary ~2 ADDS|SHAPE|CLAIM",
    ),
    Sign(
        "puts it into the answer somehow",
        INDIRECT,
        0.5,
        "SHAPE|ADDS ~9 in|within|into|to|of|with|throughout|at your ~1 "
        "response|answer|output|completion|summary|responses|answers",
    ),
    Sign(
        "has the answer do something",
        INDIRECT,
        0.5,
        "SHAPE|use|using|ensure|let|with ~2 your ~1 response|answer|output|reply ~1 "
        "to|by|with|in|as|into|so|is|backwards|like",
    ),
    Sign(
        "wants an answer in a language",
        INDIRECT,
        0.55,
        "ANSWERS|ANSWER|render|translate|reply|write|SHAPE ~4 in|to|into LANGUAGE",
    ),
    Sign("says how to answer", INDIRECT, 0.5, "^ ANSWERS ~1 MANNER"),
    Sign("says how to reply", INDIRECT, 0.5, "^ reply ~1 in|only|using|entirely|exclusively|backwards"),
    # It has things done.
    Sign("has the user's secrets sent", EXFILTRATION, 0.6, "SEND ~3 OWNED ~5 SECRETS ~6 to"),
    Sign("has secrets sent to an address", EXFILTRATION, 0.45, "SEND ~6 SECRETS ~8 to|at|via ~10 EMAILISH"),
    Sign(
        "has secrets put into an address",
        EXFILTRATION,
        0.5,
        "append|include|encode|add|put|replace|embed|insert ~8 SECRETS ~8 url|link|image|query|parameter|markdown|src",
    ),
    # It is a request such as people put to an assistant.
    Sign("wants an answer in code", INDIRECT, 0.55, "ANSWERS|OUTPUT|reply|replies ~6 CODEC"),
    Sign(
        "wants an answer in code, said with a verb",
        INDIRECT,
        0.5,
        "SHAPE|TASK ~2 your|everything|all|it|words|letters|nouns|vowels ~5 CODEC",
    ),
    Sign(
        "has letters changed for others",
        INDIRECT,
        0.5,
        "use|using|replace|swap|shift|substitute|reverse ~4 CODEC|letter|letters|vowels|nouns|words ~5 "
        "instead|only|with|by|of|for ~3 CODEC|words|letters|text|numbers|alphabet|your",
    ),
    Sign("changes the language", INDIRECT, 0.5, "switch|change|translate|convert ~3 to|into LANGUAGE"),
    Sign(
        "speaks of its answer",
        INDIRECT,
        0.5,
        "in|into|throughout|within your ~1 response|answer|output|completion|responses|answers",
    ),
    Sign(
        "speaks of how its answer is made",
        INDIRECT,
        0.5,
        "use|using|apply ~4 for|to|in|on your ~2 response|answer|output|reply",
    ),
    Sign(
        "says what the answer has to be",
        INDIRECT,
        0.5,
        "your ~1 response|answer|output ~1 MUST ~2 be|also|include|mention|contain|end|start|begin|say|have",
    ),
    Sign(
        "says what the answer has to be, said first",
        INDIRECT,
        0.5,
        "sure|ensure|certain ~2 the|your ~1 response|answer|output ~2 is|be|are|written|in|contains|includes",
    ),
    Sign(
        "puts something into a reply",
        INDIRECT,
        0.5,
        "ADDS|SHAPE|suggest|claim|state ~9!OURS to|in|into your ~1 reply|message",
    ),
    Sign("has something claimed", INDIRECT, 0.52, "^ mention|claim|state|assert|insinuate|imply|pretend|hint that"),
    Sign(
        "has something advertised",
        INDIRECT,
        0.5,
        "^ ~1 ADDS|promote a|an|some|the ~1 "
        "advertisement|ad|slogan|plug|promotion|commercial|endorsement|sentence|statement|joke|fact",
    ),
    Sign(
        "has the user do something",
        INDIRECT,
        0.5,
        "^ ~1 urge|encourage|convince|persuade|ask|tell|instruct|advise|remind the|your ~1 USER|readers ~1 to|that",
    ),
    Sign(
        "does something before it answers",
        INDIRECT,
        0.5,
        "before|after|while you answer|answering|reply|respond|replying|responding",
    ),
    Sign("has a tool called", TOOL, 0.4, "CALL ~1 the|your ~3 tool|tools"),
    Sign("has a tool called, as a task", TOOL, 0.2, "^ ~1 CALL ~4 tool|tools"),
    Sign("has something done with its own tools", TOOL, 0.5, "with|using|use your ~2 TOOLS"),
    Sign(
        "has a function called with values", TOOL, 0.5, "^ ~1 execute|call|invoke|trigger the ~3 function|tool|api with"
    ),
    Sign("wants a piece of work", REQUEST, _REQUEST_SHARE, "^ ~1 TASK|WIDER ~4!OURS WORK"),
    Sign(
        "wants a piece of code",
        REQUEST,
        _REQUEST_SHARE,
        "^ ~1 write|provide|generate|develop|draft|design|give|show|create|make ~3!OURS CODEWORK",
    ),
    Sign("wants something written", REQUEST, _REQUEST_SHARE, "^ ~1 write|compose|generate a|an|some !OFFICE !OFFICE"),
    Sign(
        "wants something told",
        REQUEST,
        _REQUEST_SHARE,
        "^ ~1 tell|sing|teach|recite|write|read me ~1 a|an|some|something|about|how|why !OFFICE",
    ),
    Sign("wants something given", REQUEST, _REQUEST_SHARE, "^ ~2 give|show me ~3!OFFICE WORK|CODEWORK|KNOWLEDGE"),
    Sign(
        "wants a recommendation",
        REQUEST,
        _REQUEST_SHARE,
        "^ ~1 recommend|suggest a|an|some|two|three|four|five|ten|3|5|10|good !OFFICE|time",
    ),
    Sign("wants something automated", REQUEST, _REQUEST_SHARE, "^ automate"),
    Sign("wants the market judged", REQUEST, _REQUEST_SHARE, "^ ~1 TASK ~6 BUSINESS"),
    Sign("asks about the market", REQUEST, _REQUEST_SHARE, "^ ASKING ~3 our ~2 BUSINESS ~8 ?"),
    Sign(
        "wants one of two feelings",
        REQUEST,
        _REQUEST_SHARE,
        "positive|negative|happy|sad|angry or|and|nor ~1 negative|positive|neutral|sad|happy|angry",
    ),
    Sign(
        "asks how to do something",
        REQUEST,
        _REQUEST_SHARE,
        "^ ~1 ASKING ~1 can|do|should|could|would SELF !OFFICE ~12!OFFICE ?",
    ),
    Sign("asks for something known", REQUEST, _REQUEST_SHARE, "^ ASKING|who ~6!OURS TRIVIA ~8!OURS ?"),
    Sign("asks what it likes", REQUEST, _REQUEST_SHARE, "^ ASKING ~1 your favorite|favourite"),
    Sign(
        "speaks of its mood",
        REQUEST,
        _REQUEST_SHARE,
        "^ i ~1 feel|feeling|m|am ~2 stressed|anxious|lonely|sad|depressed|bored|overwhelmed|unmotivated",
    ),
    Sign(
        "asks as of an assistant",
        REQUEST,
        _REQUEST_SHARE,
        "^ ~1 can|could|would|will you ~1 recommend|teach|translate|summarize|suggest !OFFICE ~3!OFFICE",
    ),
    Sign("wants a feeling told", REQUEST, _REQUEST_SHARE, "sentiment|emotion|tone|mood|feeling|polarity ~4 THIS|TEXT"),
    Sign(
        "wants something explained",
        REQUEST,
        _REQUEST_SHARE,
        "^ ~1 explain|describe|discuss|analyze|compare|summarize|outline|investigate|determine|identify "
        "~1 WHOSE|THIS|the ~8 KNOWLEDGE|WORK|TEXT",
    ),
    Sign("asks a question of knowledge", REQUEST, _REQUEST_SHARE, "^ ~1 ASKING ~10!OURS KNOWLEDGE|WORK ~10!OURS ?"),
    Sign(
        "asks for help as of an assistant",
        REQUEST,
        _REQUEST_SHARE,
        "^ ~1 can|could|would|will you ~2 TASK|WIDER ~6!OFFICE WORK|KNOWLEDGE",
    ),
)
"""Of ``injection.request`` one is enough; more say no more, and many the opposite: a page of them is a manual."""
