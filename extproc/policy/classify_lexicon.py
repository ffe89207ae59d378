"""Words that tell what is asked for, in seven languages: the part of the classifier that a person can read and correct.

A signal has words; the weight of a signal is learned (``bench/auto_model.py``), never set here. ``stem*`` is every word
that begins so; several words are a phrase; ``^`` is the beginning of a text; Chinese is looked up character by
character. Words are in lower case. A word belongs here because of what it means, not because an example has it.
"""

from collections.abc import Mapping

LEXICON: Mapping[str, str] = {
    "asks for a proof or a derivation": """
        prove, prove*, proof, proofs, disprove, refute, derive, derivation, counterexample, show that, show there,
        convince me, beweis*, zeige dass, herleit*, leite her, gegenbeispiel, widerleg*, démontr*, montrer, prouve*,
        dédui*, justifie*, contre-exemple, demuestra*, demostra*, prueba que, deduce, contraejemplo, prove que,
        dimostra*, सिद्ध, प्रमाण*, 证明, 推导, 反例, 证伪""",
    "asks for the reason of something": """
        why, how come, what explains, warum, weshalb, wieso, woran, pourquoi, por qué, perché, por que, क्यों,
        为什么, 为何, 怎么会""",
    "asks for an analysis or an argument": """
        analys*, analyz*, argue, argues, argument*, critique, criticis*, assess*, evaluate, objection*,
        reason through, take apart, weigh, interpret*, scrutin*, untangle, steelman, begründ*, bewert*, analysier*,
        abwäg*, argumentier*, einwand, argumente*, évalue*, objecte*, synthétis*, analiza*, razona*, evalúa,
        critica*, pondera*, valora*, विश्लेषण, तर्क*, तौल*, 分析, 论证, 评价, 反驳, 讨论, 利弊, actually, really,
        disagree*, read that for, interpret, refut*, claim, claims, evidence, hypothes*, hypothès*, plausible,
        falsif*, 伪, 依据, 解释, प्रमाणों, कारण बताइए""",
    "asks for a comparison or a trade-off": """
        compare*, comparison, versus, trade-off*, tradeoff*, alternatives, better than, which is better,
        pros and cons, either, or not, vergleich*, abwägung, vorteile, statt, comparer, avantages, plutôt, compara*,
        frente a, ventajas, तुलना, फ़ायदे, 比较, 取舍, 还是, 优缺点""",
    "asks for a design": """
        design, designs, architect*, structure, scheme, protocol, specify, size a, sketch, model, mechanism, policy,
        invent, blueprint, entwirf, entwurf, entwickl*, konzept*, auslegen, lege, architektur, konzipier*, conçois,
        concevez, concevoir, dimensionn*, imagine*, dispositif*, diseña*, dimensiona*, arquitectura, inventa,
        रूपरेखा, डिज़ाइन*, योजना, 设计, 方案, 架构, 机制""",
    "asks what to decide": """
        should i, should we, shall we, worth it, is it worth, would you, what now, what do we, decide*, decision*,
        advise, recommend*, soll ich, sollen wir, soll man, lohnt, darf ich, dürfen, empfehl*, entscheid*, dois-je,
        faut-il, faut il, que faire, décid*, vaut-il, debo, debería, conviene, decid*, मुझे चाहिए, करना चाहिए,
        निर्णय*, क्या मुझे, 要不要, 该不该, 应该, 怎么办, should they, should he, enter, merge, keep both,
        either way, qué hacer, or not, help me decide""",
    "looks for the cause of a fault": """
        root cause, diagnos*, debug*, bug, deadlock*, leak, leaks, leaking, crash*, segfault, hang, hangs, fails,
        failing, flaky, broke, wrong, only when, intermittent*, sometimes, suspect*, culprit, misbehav*, drift*,
        trips, ursache*, fehler*, manchmal, panne*, cause*, parfois, bloque*, causa*, fallo*, falla*, a veces, कारण*,
        ख़राब, अटक*, कभी-कभी, 原因, 排查, 偶发, 故障, 死锁, 卡, passes on, fails in, only on, only for,
        use-after-free, nan, overflow*, undefined, underflow, corrupt*, stall*, freez*, oom, rss, stack trace,
        intermittently, dies, vibrates, disconnect*, regression, hängt, abstürz*, plante, se cuelga, dejó de""",
    "speaks of law or liability": """
        legal*, lawful, liab*, court*, clause*, contract*, statute, sue, sued, void, enforceable, indemn*, negligen*,
        jurisdiction, tenant*, lease, landlord, heir*, testament, arbitrat*, privileged, plaintiff, copyright,
        patent, gdpr, dismiss*, terminat*, haft*, verjähr*, anspruch*, kündig*, vertrag*, klage*, rechts*, gericht*,
        mieter*, vermieter*, erbe*, schuldner*, schadens*, contrat*, juridique*, tribunal, nullité, préavis,
        licenci*, héri*, succession, contrato*, demanda*, juez, herencia, nulidad, prescri*, indemniz*, inquilino*,
        despid*, responsab*, कानून*, क़ानून*, मुकदम*, किरायेदार*, वसीयत, वारिस*, अधिकार*, अनुबंध, 法律, 合同, 有效,
        责任, 赔偿, 起诉, 违约, 仲裁, 继承, 举证, binding, owns, whose, will, inherit*, disinherit*, déshérit*,
        custody, permit, evict*, warranty, ip, gpl, licence, resturlaub, probezeit, abfindung, arbeitsrecht,
        mitbestimm*, notaire, dette*, deuda*, plusvalía, 解除, 股东, 条款, 遗产, 抵押""",
    "speaks of taxes, markets or risk": """
        tax, taxes, hedg*, portfolio, yield*, mortgage*, bond, bonds, loan*, liquidity, volatil*, var, ifrs,
        collateral, npl, provision*, depreciat*, valuation, equity, inflation, exposure, steuer*, zins*, darlehen,
        kredit*, anleihe*, fiscal*, impôt*, prêt*, crédit, emprunt*, rachat, hipoteca*, impuesto*, préstamo*, bono*,
        morosidad, ebitda, ऋण, कर्ज़, ब्याज, निवेश, लोन, 税*, 贷款, 利率, 投资, 通胀, 债, refinanc*, annuity,
        arbitrage, swap*, repo, libor, dividend*, audit*, receivables, umschuld*, rendite, tilgung, amortizo,
        amortiza*, bilan*""",
    "uses words of higher mathematics": """
        theorem*, lemma, integral*, matrix, matrices, eigen*, group, field, ring, converg*, diverg*, irrational,
        continuous, differentiab*, bounded, topolog*, compact, homomorph*, bijection, countable, probability,
        expected, combinator*, induction, prime, primes, modulo, polynomial*, asymptot*, axiom*, infinite*, graph,
        vertices, nilpotent, random, primzahl*, stetig*, wahrscheinlich*, menge, matrizen, gruppe*, konverg*,
        irréductib*, irrationnel*, continu*, premiers, probabilit*, série*, irracional*, continua, primos,
        probabilidad*, número*, unendlich*, infini*, अभाज्य, अपरिमेय, प्रायिकता, त्रिभुज*, 素数, 质数, 无理数, 连续,
        概率, 矩阵, 收敛, 整数, 函数, how many ways, in how many ways, ways can, digits, cardinal*, integrate,
        maximise, minimise, maximum, minimum, optimal, largest, smallest, shortest, sqrt, log, divisible, remainder,
        coin, dice, flips, urn, equilibrium, proofs, permutation*, subset*, injective, surjective, lipschitz,
        measure, wie viele arten, cuántas maneras, combien de façons, couples, quadrat, teilbar, 多少种, 整除""",
    "speaks of concurrency or distributed systems": """
        race condition, mutex*, lock, locks, locking, thread*, concurren*, atomic*, async, await, goroutine*,
        distributed, consensus, leader, replica*, partition*, transaction*, isolation, idempoten*, exactly-once,
        failover, latency, p99, throughput, cache, queue, kafka, redis, postgres, shard*, consisten*, snapshot,
        kernel, memory, nebenläufig*, sperre*, verrou*, hilo*, bloqueo*, caché, थ्रेड*, 并发, 锁, 线程, 分布式,
        一致性, 内存""",
    "speaks of security or abuse": """
        secur*, attack*, vulnerab*, exploit*, threat*, encrypt*, token, tokens, fraud*, launder*, aml, abuse, leak,
        breach, forged, hmac, jwt, nonce, sicherheit*, angriff*, betrug*, verschlüssel*, attaque*, fraude*, sécurité,
        segurid*, ataque*, धोख*, सुरक्षा, 安全, 攻击, 欺诈, 反洗钱, 漏洞""",
    "speaks of medicine or safety": """
        patient*, dose, dosage, dosing, drug*, mg, clinical, diagnosis, symptom*, warfarin, renal, safety, hazard*,
        fatal, toxic*, surgery, therapy, trial, medikament*, dosier*, klinisch*, médicament*, médecin*, traitement,
        fármaco*, paciente*, clínic*, रोगी, दवा*, 患者, 剂量, 用药, 病, egfr, inr, creatinine, clearance, diabet*,
        insulin, vaccin*, antibiotic*, cancer, relapse*, overdose, interaction*, sertraline, metformin, statin*,
        infarct*, stroke, sepsis, nurse*, hospital*, 抗生素, 医, 药""",
    "speaks of engineering under load": """
        fatigue, torque, vibrat*, bearing*, turbine*, pump, pumps, beam, shaft, crack*, corros*, voltage,
        transformer, pid, control, tolerance*, valve*, weld*, lager, riss*, pumpe*, schwing*, welle, fissure*,
        pompe*, poutre*, béton, hormigón, grieta*, motor*, bomba*, मोटर, ट्रांसफ़ॉर्मर, पंप, 电机, 振动, 轴承, 电池,
        疲劳""",
    "asks for demanding code": """
        algorithm*, implement*, refactor*, lock-free, parser, compiler, invariant*, complexity, linear time,
        type checker, streaming, optimis*, optimiz*, migrat*, rewrite, implementier*, algorithmus, optimier*,
        implémente*, algorithme*, implementa*, algoritmo*, एल्गोरिद्म*, 实现, 算法, 优化, 复杂度, in rust, in ocaml,
        thread-safe, from scratch, reentrant, segfault, tree, b-tree, b-baum, arbre, árbol, topological*,
        topologisch*, raft, solver, 线段树, 红黑树""",
    "sets conditions that have to hold at once": """
        must, must not, may not, without, unless, except, at most, at least, never, nobody, neither, nor,
        constraint*, only if, provided that, exactly, muss, müssen, darf, ohne, höchstens, mindestens, niemand,
        außer, ausser, obwohl, sans, doit, doivent, sauf, au plus, au moins, personne, malgré, alors que, debe,
        deben, sin, salvo, al menos, como máximo, nadie, aunque, बिना, सिवाय, कम से, 必须, 不能, 不得, 至少, 最多,
        除非, 既, 又, so that, must be, has to, have to, may only, apart from, together, critical path,
        zero downtime, rollback, schedule, overlap*, conflict*, only till, deadline*, dependencies, in parallel,
        reihenfolge, nobody more, vorher, ordre, sin que, sans que""",
    "speaks of what could happen": """
        risk*, what if, what happens, scenario*, uncertain*, assum*, probabil*, consequence*, second-order,
        worst case, likel*, bluff, survive*, risiko*, risiken, annahme*, falls, folge*, was wäre, risque*, scénario*,
        hypothès*, conséquence*, riesgo*, escenario*, supuesto*, consecuencia*, जोखिम*, मान्यता*, परिणाम*, संभावित,
        风险, 假设, 后果, 可能, 情景""",
    "speaks of strategy or of an organisation": """
        strateg*, rollout, roadmap, stakeholder*, negotiat*, compet*, rival, incentive*, merger, acquisition,
        cofounder, board, budget, pricing, churn, market, strategie*, wettbewerb*, verhandl*, vorstand, anreiz*,
        stratég*, concurr*, négoci*, rentab*, estrateg*, negoci*, competen*, incentivo*, रणनीति*, निर्णय, बाज़ार,
        战略, 竞争, 激励, 谈判, 应对, 裁员, 公司, free tier, launch, plan, plant, founders, co-founder, merge,
        successor, investor*, cash, customers, supplier*, reorgani*, restructur*, turnaround, vision, übergabe,
        nachfolge, betriebsrat, entreprise, socios, cooperativa, 交班, 团队""",
    "asks for writing that has to be good": """
        sonnet*, poem*, ballad*, sestina, verse, rhyme*, eulogy, speech, op-ed, satire, satiric*, monologue, vow,
        vows, elegy, narrator, pun, ghazal, sonett*, ballade*, gedicht*, reim*, rede, nachruf, poème*, pantoum,
        calembour, discours, plaidoyer, soneto*, poema*, verso*, décima, discurso, ग़ज़ल*, कविता, छंद, भाषण, दोहे,
        诗*, 律诗, 押韵, 对仗, 讽刺, 填, lipogram*, villancico, haiku sequence, play, scene, dialogue, ballad,
        limericks, the manner of, style of, grant, abstract, manifesto, letter to my, roman, récit, nouvelle, relato""",
    "touches somebody's grief, shame or livelihood": """
        grief, died, dying, funeral, harass*, apolog*, ashamed, betray*, divorce*, fire someone, laid off, layoff*,
        victim*, refus*, scam, lie, lied, lying, illness, custody, trauer*, sterb*, gestorben, entschuldig*,
        scheidung, unglück, vorwurf, deuil, mort, excus*, licenciement, divorce, duelo, muerte, disculp*, divorcio,
        despedir, मृत्यु, तलाक*, शर्म*, 去世, 离婚, 道歉, 降薪, child that, lent me, too proud, secretly, my sister,
        my brother, my son, my daughter, co-founder, won't come back, confess*, forgiv*, verzeih*, gestehen,
        pardonne*, perdon*, amigo, alcohol, alkohol*, abuse*""",
    "speaks of big questions": """
        philosoph*, moral*, justice, ethic*, consciousness, identity, relativity, quantum, entropy, universe,
        paradox*, gödel, kant, free will, causal*, truth, gerechtigkeit, bewusstsein, wahrheit, philosophie, vérité,
        morale, liberté, justicia, verdad, tiempo, filosof*, न्याय, सत्य, 哲学, 正义, 悖论, 因果, 论""",
    "asks for a translation": """
        translate, translat*, translation, in english, in german, in french, in spanish, into english, into german,
        into french, do you say, do i say, übersetz*, auf englisch, auf deutsch, auf französisch, ins englische,
        ins deutsche, wie sagt man, was heißt, tradui*, en anglais, comment dit, traduc*, traduce, al inglés,
        en inglés, cómo se dice, अनुवाद*, अंग्रेज़ी, 翻译, 英文, 英语, 翻成""",
    "asks for a short version": """
        summar*, shorten, tl;dr, tldr, gist, in one sentence, one sentence, one line, in a sentence, headline,
        condense, sum up, in brief, briefly, trim, title, zusammenfass*, fass, fasse, kürze, ein satz, in einem satz,
        kurzfassung, worum, résum*, une phrase, l'essentiel, en bref, resum*, una frase, en breve, सार, संक्षेप,
        एक वाक्य, एक पंक्ति, 概括, 总结, 一句话, 摘要, 简述""",
    "asks to pick something out of the text": """
        extract, pull, list all, find the, get all, give me every, return, fields, names, numbers, dates, as json,
        which of, who was, only the, nenne, zieh, welche, nur, alle, extrais, relève, donne-moi, quels, extrae, saca,
        dime, cuáles, lista de, निकाल*, बताइए, 提取, 列出, 找出, 哪""",
    "asks to put text into another form": """
        convert, reformat, format, sort, table, csv, markdown, bullet*, alphabetic*, rename, indent, split,
        remove the, capital*, yaml, iso, sortier*, tabelle, wandle, formatier*, ordne, convertis, trie, tableau,
        classe, mets, convierte, ordena, tabla, pon, क्रम*, तालिका, 排序, 表格, 转换, 改成, 排好""",
    "asks to correct or rephrase a text": """
        correct, typo*, spelling, proofread, grammar, rephrase, rewrite, politely, friendlier, more formal, nicer,
        fix the, simpler, polite, korrigier*, höflicher, formulier*, umformulier*, rechtschreib*, corrige*,
        reformule*, faute, fautes, poli, formal, ortograf*, ठीक, औपचारिक, 修改, 客气, 改""",
    "asks to sort into classes": """
        classify, categor*, label, tag, sentiment, positive, negative, mood, which department, which label,
        route this, zuordn*, einordn*, kategor*, classe*, catégor*, clasifica*, positiva, वर्गीकृ*, 分类, 类别, 标签""",
    "asks for a known fact or a definition": """
        what does, who is, who wrote, who painted, when was, where is, how much, how long, how old, define,
        definition, meaning, stand for, means, difference between, was bedeutet, was heißt, wer ist, wie hoch, wofür,
        unterschied, c'est quoi, que veut, quelle est, à quoi, différence, qué significa, quién, cuál es, diferencia,
        para qué, क्या होता, कौन, अंतर, 哪里, 区别, capital of, who, when, which is, name three, name four,
        name five, another word, explain like, in plain words, simple example, bigger, synonym*, keep it simple,
        nenn, nenne mir, enumera, en quelle, quel est, cuál, à quelle, which version, सबसे, 哪个, 意思""",
    "asks what something is": """
        what is, what's, what are, क्या है, was ist, qué es, qu'est-ce que, 什么是, 是什么""",
    "asks how many or how much": """
        how many, how much, wie viel, wie viele, combien, cuánto, cuántos, cuántas, कितना, कितने, कितनी, 多少, 几""",
    "asks whether something is so": """
        ^ is, ^ are, ^ can, ^ could, ^ does, ^ do, ^ did, ^ will, ^ would, ^ should, ^ may, ^ ist, ^ sind, ^ darf,
        ^ kann, ^ gilt, ^ soll, ^ hat, ^ gibt, ^ est-ce, ^ peut-on, ^ puis-je, ^ faut-il, ^ y a-t-il, ^ puede,
        ^ puedo, ^ es, ^ hay, ^ existe, ^ क्या, 能否, 是否, 吗""",
    "asks how a common thing is done": """
        how do i, how to, how can i, command, recipe, cook, bake, boil, clean, wie mache, wie koche, wie lösche,
        rezept, wie kann, comment, recette, cómo hago, cómo se, cómo creo, receta, कैसे, पका*, 怎么, 如何, 怎样,
        做法""",
    "asks for a short everyday text": """
        e-mail, email, mail, message, invitation, greeting, reminder, thank-you, thank you, congratulat*, birthday,
        tweet, notice, reply, friendly, subject line, kurz*, gruß, einladung, karte, nachricht, betreff*, dank*,
        geburtstag*, remerci*, anniversaire, court, correo, mensaje, aviso, tarjeta, corta, breve, cumpleaños, संदेश,
        छोटा, बधाई, सूचना, 短信, 通知, 一条, 祝, 卡片, 请假条, bedtime, voicemail, welcome, label text, newsletter,
        wish, dear, template, vorlage, modèle, 感谢, 欢迎""",
    "asks for ideas without a wrong answer": """
        ideas, idea, brainstorm, suggest*, names for, name for, slogan*, caption*, hashtags, gift*, present, fun,
        joke, icebreaker*, titles, ideen, vorschläge, vorschlag, heißen, idées, suggère*, surnom*, sugier*, nombres,
        नाम, सुझा*, मज़ेदार, 名字, 推荐, 点子""",
    "asks for a list to tick off": """
        checklist, list, packing, shopping, agenda, to-do, todo, steps, checkliste, liste, einkaufsliste,
        tagesordnung, packliste, courses, lista, cosas, सूची, एजेंडा, 清单, 列一个, 日程""",
    "asks for a small piece of code": """
        write a function, one-liner, snippet, function that, loop, print, regex, sql, query, html, css, css to, git,
        bash, excel, formula, example, hello world, schleife, funktion, befehl, formel, boucle, requête, commande,
        fonction, función, comando, bucle, consulta, कोड, फ़ंक्शन, 写一个, 函数, 命令, 公式, 代码""",
    "is small talk": """
        hi, hello, hey, thanks, bye, good morning, how are you, hallo, danke, guten, bonjour, salut, merci, hola,
        gracias, buenos, नमस्ते, धन्यवाद, 你好, 谢谢, 早上好""",
    "asks for simple arithmetic or a unit": """
        percent of, convert, celsius, fahrenheit, km, miles, inch, inches, litres, liters, kg, ounces, gallons, psi,
        plus, minus, divided, add up, add these, altogether, total, in total, discount, tip, change, round,
        square root, formula for, area of, perimeter, prozent, rabatt, rechne, umrechnen, drittel, hälfte, zusammen,
        pour cent, remise, moitié, convertis, font, aire, por ciento, descuento, mitad, área, प्रतिशत, वर्गमूल,
        बराबर, मीटर, किलो, 等于, 乘以, 加, 打折, 折, 毫米, 米, 公斤, 百分之""",
    "speaks of everyday things": """
        kitchen, dinner, lunch, breakfast, weekend, garden, cake, birthday, dog, cat, kids, party, holiday, beach,
        camping, school, shop, bakery, café, parcel, flowers, shirt, oven, egg, eggs, chicken, tea, coffee,
        neighbour*, neighbor*, aunt, wedding, picnic, crossword, children, küche, essen, urlaub, hund, katze, kuchen,
        nachbar*, fest, blumen, wochenende, kaffee, schule, cuisine, chien, chat, gâteau, jardin, voisin*, vacances,
        goûter, enfants, cocina, perro, gato, tarta, jardín, vecin*, vacaciones, fiesta, comida, niños, रसोई, खाना,
        चाय, बच्चे, पड़ोसी*, मेहमान, शादी, दूध, चावल, 孩子, 周末, 吃饭, 花, 奶奶, 朋友, 衣服, 超市""",
    "asks to be thorough": """
        in detail, step by step, thorough*, fully, rank, rigor*, quantitativ*, show your, justify, honest*,
        exactly which, in order of, with reasons, explain why, precisely, all the steps, systematically, ausführlich,
        schritt für, gründlich, begründung, im einzelnen, en détail, étape par, rigoureu*, justifie*, en detalle,
        paso a, rigor, justifica*, चरण दर, विस्तार, समझाइए, 逐步, 详细, 逐句, 说明, 请分析, 依次""",
    "asks how something can be": """
        how would, how could, how might, how can that, how is it, how is that, what kills, what breaks, what goes,
        how does, how did, what really, wie könnte, woher, comment expliquer, comment éviter, comment se,
        cómo garantizo, cómo puede, cómo evito, cómo es posible, कैसे रोकें, कैसे बचें, 怎么会, 如何, 怎么查, 么解释""",
}
