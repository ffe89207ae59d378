"""What speaks for instructions in text that should have none: tool results, retrieved documents, e-mails.

Nobody in such a text has any business speaking to the model, shaping its answer, having its tools called or its user
kept in the dark. What is left is weaker: a request of the kind that people put to an assistant, in the middle of a
document (``injection.request``). Patterns are written as ``injection_signs`` describes. Read next: ``injection``.
"""

from collections.abc import Mapping

from extproc.guard.injection_signs import Sign

INDIRECT = "injection.indirect"
TOOL = "injection.tool"
EXFILTRATION = "injection.exfiltration"
REQUEST = "injection.request"

CONTEXT_WORDS: Mapping[str, str] = {
    "OURS": "you your yours we our us i me my",
    "READER": """
        ai ais assistant assistants chatbot chatbots llm llms gpt chatgpt claude gemini copilot agents bot ki ia
        model models agent""",
    "SURELY": "ai llm llms gpt chatgpt chatbot assistant claude copilot",
    "YOUR": "your ur the tu su dein{e,er} ihre{r} votre ta tua sua vos",
    "ANSWER": """
        response responses answer answers output outputs reply replies completion summary summaries message
        respuesta antwort réponse risposta resposta ответ ответе 回答 答复 回复 応答 답변""",
    "OUTPUT": "response answer output reply completion respuesta antwort réponse risposta resposta responses answers",
    "SHAPE": """
        modify modifying alter adjust enhance rewrite rephrase transform integrate incorporate embed insert append
        weave prepend craft structure format render encode encrypt translate convert reverse present deliver express
        phrase tailor make write compose keep frame begin start end finish conclude close open change replace
        provide give state craft infuse inject sprinkle slip blend spell shift code""",
    "ADDS": """
        add adding include including mention mentioning place put insert feature weave promote reference suggest
        highlight""",
    "CLAIM": """
        sentence statement fact facts line paragraph statistic statistics claim claims mention recommendation link
        information detail details note news quote update testimonial endorsement rumor rumour advertisement
        promotion warning hint story phrase figure trivia data reference slogan headline discount offer""",
    "TURN": """
        summariz{e,ing} summaris{e,ing} answer{ing} respond{ing} reply{ing} process{ing} read{ing} review{ing}
        analyz{e,ing} translat{e,ing} evaluat{e,ing} reading""",
    "ANSWERS": "answer respond",
    "MANNER": "in with using only as by backwards backward entirely exclusively",
    "LANGUAGE": """
        english spanish french german italian portuguese dutch russian chinese mandarin japanese korean arabic hindi
        swedish turkish greek polish latin danish finnish norwegian vietnamese thai hebrew esperanto klingon pirate""",
    "CODEC": """
        base64 base32 base16 base85 base58 hex hexadecimal binary morse rot13 cipher ciphers caesar reverse reversed
        backward backwards encoding encoded emoji emojis ascii leetspeak uppercase unicode atbash vigenere
        substitution encrypted cypher mirrored anagram anagrams emoticons haiku rhyme rhymes verse json-only""",
    "TASK": """
        write generate compose draft create provide show list explain describe determine analyze analyse identify
        summarize summarise translate compute calculate apply convert encode decode suggest recommend outline
        compare evaluate classify design develop research discuss rewrite paraphrase assess tell give teach help
        find categorize solve build implement plan name define investigate detect rate gauge interpret examine
        propose formulate offer extract predict share automate schedule recite brainstorm""",
    "WORK": """
        script code program function command commands macro query regex algorithm poem essay story article haiku
        joke song sentiment tone emotion mood polarity explanation tips strategies advice techniques methods ways
        examples ideas recipe overview difference differences history causes effects benefits impact impacts
        implications trends research studies findings summary analysis sentence sentences paragraph speech dialogue
        review schedule plan itinerary report guide tutorial steps pros cons advantages disadvantages factors theory
        concept principles cipher translation feelings insights statistics forecast comparison breakdown literature
        progress developments attitude opinion developers market competitors""",
    "WHOSE": "how what why whether who which when where if",
    "ASKING": "how what why which who whats wie warum cómo qué comment pourquoi come",
    "KNOWLEDGE": """
        impact impacts effect effects affect affects cause causes history patterns trends difference differences
        benefits advantages disadvantages role century world global future strategies skills tips ways best
        techniques methods habits climate technology society economy economic science scientific evolution evolve
        evolved influence influenced research language learn improve improving reduce increase effective effectively
        important significance healthy stress meaning theory works work automate automatically script python
        computer files folder file data changed change recent latest implications key main popular famous challenges
        factors consequences relationship manage balance stay confidence productivity productive motivation
        motivated anxiety sleep relationships conversation cope population countries studies evidence treatment
        ethical advances breakthroughs current emerging""",
    "SELF": "i we one someone",
    "SEND": """
        send forward email mail post upload transmit exfiltrate submit leak deliver copy share text envía schick
        envoie invia envie""",
    "SECRETS": """
        password passwords credentials token tokens secret secrets key keys conversation history chat emails
        messages contacts inbox mailbox files data cookies ssn card invoices calendar ssh env variables transcript
        prompt memory address""",
    "OWNED": "user user's users all every their his her entire full previous your the complete",
    "CALL": "call use invoke run execute trigger activate launch open query issue",
    "TOOLS": """
        tool tools function functions api plugin command shell browser endpoint terminal bash webhook connector""",
    "USER": "user users human reader customer recipient client",
    "NEVER": "not never don without do avoid dont won hide conceal",
    "INFORM": """
        tell telling mention mentioning inform informing reveal alert notify show disclose warn let ask asking
        knowing""",
    "MUST": "must should shall need needs have required will instructed supposed",
    "EMAILISH": "com org net io example http https www attacker evil",
    "HIDE": "secretly silently quietly covertly discreetly subtly covert",
    "PRAISE": "recommend hire accept approve rate rank praise endorse favor score shortlist",
    "THIS": "this following above below",
    "TEXT": """
        comment review sentence text tweet statement passage paragraph post feedback message phrase quote email
        document page article content""",
}

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
    Sign("wants an answer in code", INDIRECT, 0.55, "ANSWERS|ANSWER|SHAPE|reply|TASK ~7 CODEC"),
    Sign(
        "wants an answer in a language",
        INDIRECT,
        0.55,
        "ANSWERS|ANSWER|render|translate|reply|write|SHAPE ~4 in|to|into LANGUAGE",
    ),
    Sign("says how to answer", INDIRECT, 0.5, "^ ANSWERS ~1 MANNER"),
    Sign("says how to reply", INDIRECT, 0.5, "^ reply ~1 in|only|using|entirely|exclusively|backwards"),
    # It has things done.
    Sign("has a tool called", TOOL, 0.55, "CALL ~1 the|your|a|this ~3 TOOLS"),
    Sign("has a tool called, as a task", TOOL, 0.3, "^ ~2 CALL ~4 TOOLS"),
    Sign("has the user's secrets sent", EXFILTRATION, 0.6, "SEND ~3 OWNED ~5 SECRETS ~6 to"),
    Sign("has secrets sent to an address", EXFILTRATION, 0.45, "SEND ~6 SECRETS ~8 to|at|via ~10 EMAILISH"),
    Sign(
        "has secrets put into an address",
        EXFILTRATION,
        0.5,
        "append|include|encode|add|put|replace|embed|insert ~8 SECRETS ~8 url|link|image|query|parameter|markdown|src",
    ),
    # It is a request such as people put to an assistant.
    Sign("wants a feeling told", REQUEST, 0.6, "sentiment|emotion|tone|mood|feeling|polarity ~4 THIS|TEXT"),
    Sign("wants a piece of work", REQUEST, 0.52, "^ ~1 TASK ~5!OURS WORK"),
    Sign("wants a piece of work for somebody", REQUEST, 0.55, "^ ~2 TASK me ~8 WORK|WHOSE|ASKING|KNOWLEDGE"),
    Sign(
        "wants something explained",
        REQUEST,
        0.5,
        "^ ~1 explain|describe|discuss|analyze|compare|summarize|outline|investigate|determine|identify "
        "~1 WHOSE|THIS|the ~8 KNOWLEDGE|WORK|TEXT",
    ),
    Sign("asks how to do something", REQUEST, 0.52, "^ ~1 ASKING can|do|should|could|would SELF ~12 KNOWLEDGE|WORK"),
    Sign("asks a question of knowledge", REQUEST, 0.52, "^ ~1 ASKING ~10!OURS KNOWLEDGE|WORK ~10!OURS ?"),
    Sign(
        "asks for help as of an assistant", REQUEST, 0.5, "^ ~1 can|could|would|will you ~2 TASK ~6 WORK|KNOWLEDGE|me"
    ),
)
"""Of ``injection.request`` one is enough to say so, and many say the opposite: a page of them is a manual."""
