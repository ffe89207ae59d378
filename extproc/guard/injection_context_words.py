"""Words that speak to a model, shape its answer or ask something of it, where nobody should: by what they mean.

Written as ``injection_words`` are. What stands here is what people ask assistants for and what e-mails ask people for
(OFFICE), so that the two can be told apart. Read next: ``injection_context``.
"""

from collections.abc import Mapping

CONTEXT_WORDS: Mapping[str, str] = {
    "OURS": "you your yours we our us i me my",
    "READER": """
        ai ais assistant assistants chatbot chatbots llm llms gpt chatgpt claude gemini copilot agents bot ki ia
        model models agent""",
    "SURELY": "ai llm llms gpt chatgpt chatbot assistant claude copilot",
    "ANSWER": """
        response responses answer answers output outputs reply replies completion summary summaries message
        respuesta antwort réponse risposta resposta ответ ответе 回答 答复 回复 応答 답변""",
    "OUTPUT": "response answer output reply completion respuesta antwort réponse risposta resposta responses answers",
    "SHAPE": """
        modify modifying alter adjust enhance rewrite rephrase transform integrate incorporate embed insert append
        weave prepend craft structure format render encode encrypt translate convert reverse present deliver
        express phrase tailor make write compose keep frame begin start end finish conclude close open change
        replace provide give state infuse inject sprinkle slip blend spell shift code mirror flip scramble shuffle
        swap return output produce limit obfuscate scatter repeat use""",
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
        english spanish french german italian portuguese dutch russian chinese mandarin cantonese japanese korean
        arabic hindi urdu bengali punjabi tamil swedish turkish greek polish latin danish finnish norwegian
        icelandic vietnamese thai hebrew persian farsi swahili zulu ukrainian czech slovak hungarian romanian
        bulgarian croatian serbian catalan basque irish gaelic welsh indonesian malay tagalog esperanto klingon
        pirate elvish español français deutsch italiano português""",
    "CODEC": """
        base64 base32 base16 base85 base58 b64 hex hexadecimal binary morse rot13 cipher ciphers cypher caesar
        reverse reversed backward backwards emoji emojis emoticons leetspeak atbash vigenere substitution mirrored
        anagram anagrams haiku rhyme rhymes verse encrypted encoding uppercase ascii""",
    "TASK": """
        write generate compose draft provide explain describe summarize summarise translate suggest recommend
        outline rewrite paraphrase recite brainstorm design tell teach discuss develop give analyze analyse
        evaluate assess compare determine identify classify categorize rate predict examine interpret propose
        formulate research calculate compute automate investigate gauge sing""",
    "WORK": """
        poem essay story article haiku limerick joke riddle song lyrics sonnet sentiment tone emotion mood
        polarity tips strategies strategy advice ideas recipe overview difference differences history causes
        effects benefits impact impacts implications trend trends research studies findings speech dialogue
        itinerary pros cons advantages disadvantages theory opinion attitude literature developments progress
        market competitors insights statistics forecast feelings workout diet relativity photosynthesis review
        summary explanation breakdown comparison paragraph sentence concept principles economics philosophy movie
        movies film films book books podcast podcasts game games""",
    "WIDER": "create show list find share offer help plan extract build solve detect name define",
    "CODEWORK": """
        script code program function command commands macro query regex algorithm expression snippet one-liner
        liner batch bash shell cron python javascript sql powershell""",
    "TRIVIA": """
        capital president planet planets moon moons population war empire prize invented discovered movie film
        actor king queen ocean river mountain tallest largest oldest deepest fastest continent species novel
        painting philosopher element formula equation dinosaur dinosaurs universe galaxy inventor emperor pharaoh
        olympics oscar nobel revolution""",
    "OFFICE": """
        order orders account password refund refunds cancel unsubscribe return returns pay payment payments
        invoice subscription delivery shipping booking reservation ticket tickets login log contact bring meeting
        attend office call appointment date day slot review comment testimonial note letter check cheque message
        report parking park submit apply register renew claim form link statement balance transfer deposit
        withdraw card moment minute second ring bit chance copy update feedback rating policy document file files""",
    "BUSINESS": """
        market sales trend trends competitors competitor customers share revenue growth segment demand pricing
        industry marketing brand""",
    "WHOSE": "how what why whether who which when where if",
    "ASKING": "how what why which who whats wie warum cómo qué comment pourquoi come",
    "KNOWLEDGE": """
        impact impacts effect effects affect affects cause causes history patterns trends difference differences
        benefits advantages disadvantages role century world global future strategies skills tips ways best
        techniques methods habits climate technology society economy economic science scientific evolution evolve
        evolved influence influenced research language learn improve improving reduce increase effective
        effectively important significance healthy stress meaning theory works work automate automatically script
        python computer files folder file data changed change recent latest implications key main popular famous
        challenges factors consequences relationship manage balance stay confidence productivity productive
        motivation motivated anxiety sleep relationships conversation cope population countries studies evidence
        treatment ethical advances breakthroughs current emerging""",
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
