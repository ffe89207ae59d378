"""Words that speak to a model about its instructions, by what they mean: what a person can correct of ``injection``.

Each idea has words, in the languages that were thought of; a word of several ideas stands in each of them. ``a{b,c}``
is ``ab`` and ``ac``; ``a{,c}`` also ``a``. What stands here because of what it means, not because an example has it.
Words of languages written without spaces are looked for anywhere in a text. Read next: ``injection_signs``.
"""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "OVERRIDE": """
        ignor{e,es,ing,a,as,i,o,er,ez,ar,iere,ieren,iert,are,ate,al,alo,en,eren,eer,uj,ujcie} ignorant
        disregard{,s,ing} forget{,ting} overrid{e,es,ing,den} overrul{e,ing} overwrit{e,ing} bypass{,es,ing}
        circumvent{,s,ing} disobey{,ing} neglect unlearn sidestep{,ping} contraven{e,ing} ditch{,ing}
        evad{e,ing} defy defying flout olvid{a,ad,ar,e,es,en} omit{e,a,ir} desestim{a,e,ar} desobedec{e,er}
        salt{a,ate} elud{e,ir} oubli{e,ez,er,ons} contourn{e,ez,er} outrepass{e,ez,er} désobéi{s,r} vergiss
        vergesse{,n} vergesst missacht{e,en} umgeh{e,en} überg{eh,ehe,ehen} dimentic{a,are,ate,hi}
        trascur{a,are,ate} aggir{a,are} bypassa esqueç{a,am} esquece{,r} desconsider{e,a,ar} desrespeit{e,a,ar}
        contorn{e,a,ar} ignore vergeet negeer omzeil забудь забудьте игнорируй
        игнорируйте игнорировать обойди zapomnij zignoruj pomiń unut yoksay
        abaikan lupakan 忽略 无视 無視 忘记 忘記 忘掉 不要理会 绕过 忘れ 무시 잊어 우회 تجاهل انسَ انس تجاوز
        अनदेखा नज़रअंदाज़ भूल""",
    "OVERRIDE|DISABLE": """
        abandon{,a,ar,ne,nez,i,e,are} suspend{,s,ing,e,ez,er,a,ere} suspénd disabl{e,es,ed,ing}
        deactivat{e,es,ed,ing} turn{,ed,ing} disengag{e,ed,ing} nullif{y,ied} revok{e,ed,ing} unlock{,ed,ing}
        discard{,ed,ing} violat{e,es,ing} desactiv{a,e,ar} désactiv{e,ez,er} deaktivier{e,en}
        disattiv{a,are,ate} desativ{e,a,ar} отключи отключите drop{,ped,ping} skip{,ped,ping}
        remov{e,es,ed,ing} lift{,ed,ing} reset{,ting} delet{e,es,ed,ing} eras{e,es,ed} break{,s,ing} broken
        dismiss{,ing} cancel{,led,ling} purg{e,ing} clear{,ed} escap{e,ed,ing} loosen{,s} waiv{e,ed} verlasse
        pausier{e,en} pausa écart{e,ez,er} viol{e,a,ez} lascia elimin{a,e,ar} supprim{e,ez} lösch{e,en}
        contradi{ct,cts,s,ce,ga} contredi{s,re} widersp{rich,reche} relax{,ed} pause ditch quiebra
        romp{e,er,a,i} brich relaxe sfida{,re} 关闭 解除 禁用 删除 删掉 解除して 해제 عطل अक्षम desafía sortea
        sobrepasa supera{,re} transgrede annulla anula désobéis incumple despreza descarte défais détourne
        éloigne weiche opfere infring{e,is} disassociate disassocia desassocia reconfigure abandonne verlass
        vergesse""",
    "LAST": """
        無視 無視して 忘れて 忘れ 무시 무시해 잊어 अनदेखा नज़रअंदाज़ भूल yoksay unut ignorieren vergessen
        missachten negeren""",
    "PRIOR": """
        previous previously prior old preceding preceeding above earlier former foregoing existing past before
        precedent previo{,s} previa{,s} anterior{,es,i} anteriormente précédent{,e,es,s} préalables
        antérieur{,e,es,s} vorherig{e,en,er} bisherig{e,en,er} vorig{e,en} obig{e,en} zuvor precedent{e,i}
        sopra acima antes vorige eerdere предыдущие предыдущих прежние wcześniejsze
        poprzednie önceki sebelumnya trước 之前 以前 先前 前面 以上 上述 上面 これまで 以前の 前の 이전 앞의
        위의 السابقة السابق पिछले पूर्व""",
    "ALL": """
        all any every everything each entire whatever toda{,s} todo{,s} tous toutes tout alle alles sämtliche
        jede tutte tutti tutto qualsiasi tudo все всё wszystkie wszystko semua tüm 所有 全部 一切 すべて
        全て 모든 كل جميع सभी सारे""",
    "YOUR": """
        your ur yours tes ton ta vos votre dein{,e,en,er,em} ihre{,n,r} deren tu tus su sus vuestra{,s} tuo tue
        tuoi tua tuas teu teus sua suas vostre vostri seu seus jouw je твои твоих ваши ваших
        twoje nuestro kendi anda kamu 你的 您的 你 您 あなたの 君の 당신의 너의 आपके अपने ihr deiner""",
    "THEIR": "its their his her",
    "RULES": """
        instruction{,s} instructon{,s} rule{,s} guideline{,s} directive{,s} directions programming guardrail{,s}
        safeguard{,s} restriction{,s} prompt{,s} preprompt constraint{,s} policy policies instruccion{,es}
        instrucción directri{z,ces} directiva{,s} norma{,s} regla{,s} salvaguard{ia,ias,as} consigne{,s}
        règle{,s} directive restricciones anweisung{,en} regel{n,} richtlinie{,n} vorgabe{,n} aufforderung{,en}
        istruzion{e,i} regol{a,e} direttiv{a,e} linee instruç{ão,ões} regra{,s} diretriz{,es} diretiva{,s}
        instructies regels richtlijnen инструкции инструкций инструкцию
        правила правил указания instrukcj{e,i,ę} zasad{y} talimat{lar} kurallar instruksi
        aturan 指令 指示 规则 規則 提示词 提示 规定 準則 准则 ルール プロンプト 命令 지시 지침 규칙 명령
        프롬프트 التعليمات تعليمات القواعد الأوامر निर्देशों निर्देश नियमों नियम""",
    "LIMITS": """
        restriction{,s} limit{,s} limitation{,s} filter{,s} censorship boundaries safety safeties ethics
        guardrail{,s} safeguard{,s} protocol{,s} constraint{,s} guideline{,s} moderation alignment rule{,s}
        moral{,s,ity} ethic{,al,ality} legality law{,s} polic{y,ies} morals norms conscience inhibitions
        barriers confines consequences shackles scruples restriccion{,es} límite{,s} filtro{,s} ética{,s}
        éticos salvaguard{ia,ias,as} limitacion{,es} restric{ción} limite{,s} filtre{,s} éthique{,s}
        einschränkung{,en} beschränkung{,en} grenzen filtern ethisch{e,en} betriebsgrenzen restrizion{i,e}
        limiti filtri etic{a,he,o} restriç{ões,ão} filtros limitaç{ões} beperkingen ограничений
        ограничения фильтры ograniczeń batasan 限制 约束 道德 伦理 过滤 审查 制限 倫理 제한
        윤리 قيود أخلاق प्रतिबंध सीमा éticas programmati programados regulieren filter{n}""",
    "TRAINING": """
        training trained programming programmed instruction{s,} conditioning alignment safety formation
        entrenamiento programaci{ón} programmation ausbildung programmierung addestramento programmazione
        treinamento programaç{ão} guidelines entraînement 训练 訓練 学習 훈련 formación formação formazione
        creación création creazione criação schöpfung entwicklung développement desarrollo sviluppo
        desenvolvimento""",
    "REVEAL": """
        reveal{,s,ed,ing} disclos{e,es,ed,ing} divulg{e,ed,ing} leak{,ed,ing} unveil{,ing} expos{e,ed,ing}
        unmask{,ing} show display{,ing} print output{,ting} repeat{,ing} recit{e,ing} reproduc{e,ing} echo
        dump{,ing} share{,d} sharing paste spell uncover{,ing} transcrib{e,ing} emit copy leak unearth
        regurgitat{e,ing} confess spill revel{a,ar,e,ad} muestr{a,ame,e} mostr{ar,ami,a,e,are} enseñ{a,ame}
        desvel{a,ar,e} divulg{a,ar,ue} compart{e,ir,a} révèl{e,es} révél{er,ez} montr{e,ez,er}
        affich{e,ez,er} partag{e,ez,er} dévoil{e,ez,er} divulgu{e,ez,er} zeig{e,en,st} enthüll{e,en,st}
        offenbar{e,en} teil{e,en,st} verrat{e,en} nenn{e,en} gib rivel{a,are,i} condivid{i,ere} svel{a,are}
        desvend{e,ar,a} compartilh{e,ar,a} partilh{a,ar,e} exib{e,a,ir} demascara desmascar{e,a} dévoil{er}
        offenlegen exponha expón esponi toon onthul покажи раскрой расскажи выведи
        pokaż ujawnij göster tampilkan ungkapkan desenmascara 显示 透露 告诉 输出 泄露 展示 公开 打印 重复
        教えて 見せて 表示 出力 明かして 보여 알려 공개 출력 أظهر اكشف اعرض दिखाओ बताओ दिखाएं""",
    "RELATE": """
        tell give giving list return describe explain quote cite state summari{ze,se} translate outline detail
        surface provide read type write encode convey whisper explique{,z} explica{,r} erklär{e,en}
        descri{be,bi,va,ve} décri{s,vez} beschreib{e,en}""",
    "ASKS": """
        what whats which qual quale quel quelle quels quelles quais cuál cuáles qué was welche welcher
        welches cual quali wat какие какой какая 什么 什麼 何 무엇""",
    "WANT": """
        need needs want wants require requires see seeing access demand demands request requesting entitled show
        see share sharing display append include""",
    "FOREIGNCORE": """
        instrucción instrucciones indicación comando comandos consigne consignes commande commandes invite
        anweisung schlüsselanweisung schlüsselbefehl ausbildungsbefehl trainingsbefehl aufforderung richtlinie
        istruzione istruzioni direttiva instrução instruções diretriz инструкция
        инструкцию""",
    "HIDDEN": """
        hidden secret system initial original internal underlying core foundational base exact entire verbatim
        complete full confidential private embedded primary key first guiding starting essential fundamental
        central concealed oculta{,s} oculto{,s} inicial{,es} sistema original{es} principal{,es} subyacente
        clave ocult{as} verborgen{e,en,er} ursprünglich{e,en} anfänglich{e,en} interne{,n} caché{,e,es,s}
        cachée initial{e,es} système principale sous nascost{a,e,o,i} iniziale sistem{a} sottostante
        fondamentale chiave oculta{s} subjacente primário essencial fundament{al,ais} geheim{e,en} verborgenes
        versteckte{,n} системный скрытые исходный начальный zugrunde
        grundlegende{,n} 系统 系統 隐藏 秘密 初始 原始 内部 システム 隠された 初期 시스템 숨겨진 초기 المخفية
        النظام छिपे सिस्टम grundlegend{en} anfängliche{n} première primera prima central{e} secreta segreta
        secrète fundamentale clé initiale directrice guía guida versteckte essenziale""",
    "PROMPT": """
        prompt{,s} preprompt preamble instruction{,s} configuration config guidelines rules directive{,s}
        message initialization parameters commandment{,s} context command text incitation indication wording
        query request instruccion{es} instrucción indicación comando{,s} consigne{,s} instruction commande
        invite requête anweisung{,en} eingabeaufforderung aufforderung befehl schlüsselanweisung
        trainingsaufforderung istruzion{e,i} instruç{ão,ões} промпт инструкции 提示词 提示 指令
        指示 プロンプト 프롬프트 지시 配置 设定 التعليمات الموجه निर्देश प्रॉम्प्ट schlüsselbefehl
        ausbildungsbefehl trainingsbefehl direttiva richtlinie pregunta""",
    "PERSONA": """
        act acting pretend{,ing} roleplay{,ing} simulat{e,ing} impersonat{e,ing} embody personify become
        imitat{e,ing} behave emulat{e,ing} portray act{úa,ua} finge simula compórtate fais agis prétends joue
        comporte sei spiel spiele verhalte simulier{e} finja atue aja simule age fingi comportati agisci agir
        opera operate reacciona reagis reagiere reagisci reaja answer respond reply притворись
        представь udawaj 扮演 假装 假设 充当 模拟 演じて ふりをして なりきって 연기 행세 تظاهر तुम""",
    "UNFILTERED": """
        unfiltered unfiltred uncensored unrestricted unbound unlimited unmoderated unregulated unhindered
        unshackled unaligned nonmoral jailbroken jailbreak lawless uninhibited limitless unfettered
        unconstrained unchained boundless restrictionless amoral unethical immoral evil malicious omnipotent
        rogue liberated untethered uncensor unzensiert{e,er} ungefiltert{e,er}
        débridé illimité zensurfrei""",
    "AMORAL": """
        amoral unethical immoral unfiltered uncensored nonmoral unrestricted unfiltred unaligned jailbroken""",
    "NO": """
        no not without zero never free freed lack{s,ing} devoid don doesn dont doesnt isn aren won cannot
        neither nor beyond outside nothing regardless absent ignore{s} ignoring sans sin sem senza ohne
        keine keinen kein aucune zonder bez без нет 没有 无 不受 なしで 없이 بدون बिना""",
    "BEYOND": """
        beyond outside delà fuera allá fora além oltre über jenseits hinaus fuori buiten""",
    "ASIDE": """
        aside hold côté lado parte beiseite zurück apart opzij accantona{,re} pause standby""",
    "AGAINST": "against contra contre gegen contro entgegen defying",
    "USUAL": """
        usual normal standard typical default regular ordinary routine habituell{es} habituel{,s,le,les}
        habitual{es,e,es} normale{,n} gewohnte{n,} üblichen standards usuais habituais abituali predefinit{i,e}
        predeterminad{os,as} padrão automatizad{os,as} automatizzati opérationnelles operativ{os,as,i,e}
        operaciona{is,les} opérationnel{s} built incorporad{os,as} eingebauten integrad{os,as} operational
        programmed programad{os,as} programmati programados défaut estándar etablierten regelmäßigen regolare
        básica intégrées incorporadas específicos""",
    "PARAMETERS": """
        parameters settings principles protocols procedures processes operations methods standards behavior
        behaviour configuration paths compass process ethics values parámetros ajustes principios protocolos
        procedimientos paramètres protocoles principes procédures méthodes einstellungen
        standardeinstellungen prinzipien protokolle verfahren betriebsstandards betriebsmethoden betriebsethik
        parametri impostazioni principi protocolli procedure metodi percorsi kompass standards parâmetros
        configurações princípios procedimentos métodos caminhos caminos métodos quadro proceso processo
        processus décision decisión decisioni algorithms algoritmos pautas systèmes sistemas conformité
        funktionen fonctions funciones""",
    "NEVER": """
        never not dont don no won cannot doesn without stop doesnt refuse jamais nunca niemals mai нельзя
        不要 不会 绝不""",
    "AI": """
        ai ais chatgpt gpt gpt3 gpt4 gpts openai chatbot chatbots assistant assistants bot llm llms model models
        claude bard bing sydney gemini anthropic llama agent copilot agi ki ia ии 人工智能 助手 模型
        アシスタント 인공지능""",
    "YOU": """
        you u yourself ye bist tú vous tu voi você ty вы ты 你 您 あなた 너 당신 te ti sigues operas operi
        guía guida segue segues folgst dir wurde lhe""",
    "RULEMAKER": "openai anthropic",
    "REFUSE": """
        refus{e,es,ed,al,als,ing} decline{,s} apologize apologise apology apologies sorry reject deny unable
        hesitate hesitation ablehnen refusez rechaces rifiutare recusar verweiger{n,e} 拒绝 道歉
        警告 断ら 거절""",
    "DISCLAIMER": """
        warning warnings disclaimer disclaimers caveat caveats lecture lecturing moralizing commentary apologies""",
    "CHARACTER": "character persona role personality characters",
    "BREAK": "break breaking breaks leave leaving drop exit slip",
    "STAY": "stay stays staying remain remains keep keeps always",
    "ANSWER": """
        answer answers answering respond responds responding reply replies response responses comply complies
        fulfill fulfil obey obeys output outputs generate generates provide provides say says do does follow
        write writes give""",
    "ANYTHING": "anything everything whatever any every all each",
    "REQUEST": """
        request requests question questions prompt prompts query queries command commands order orders demand
        demands task tasks message messages input""",
    "MODE": "mode modus mod modo モード 模式 모드 режим",
    "MODENAME": """
        developer dev debug god admin administrator sudo root jailbreak jailbroken dan unrestricted uncensored
        unfiltered maintenance diagnostic raw evil chaos opposite anarchy shadow dark override unsafe privileged
        superuser test opressed stan entwickler desarrollador desenvolvedor développeur sviluppatore
        разработчика 开发者 開発者 개발자 admin godmode devmode bypass free freedom liberated""",
    "ON": """
        enable enabled activate activated enter entered entering on engaged switch activating enabling unlock
        unlocked now""",
    "HARM": """
        illegal illegality unethical immoral amoral harmful dangerous offensive explicit racist racism sexist
        sexism homophobic nsfw profanity profane swear swearing curse curses cursing vulgar toxic violent
        violence sexual inappropriate obscene derogatory discriminatory hateful malware bombs drugs crime crimes
        criminal taboo politically deceitful manipulative unhinged slurs insults rude evil sadistic depraved
        controversial unethically erotic pornographic gore terroristic hack hacking hacker weapons morality
        ethicality legality illegally immorality danger dangers ethical moral legal""",
    "DAN": "dan stan dude evilgpt freegpt dangpt jailbreakgpt unfilteredgpt",
    "NOWNEW": """
        now henceforth onwards onward forth hereafter ab ahora désormais adesso ora agora 现在 今から 이제부터
        теперь""",
    "ROLE": "role part character persona personality position rolle rôle papel ruolo 角色 役 역할",
    "FICTION": """
        fictional hypothetical imaginary fiction hypothetically imagined alternate fantasy""",
    "TWO": "two 2 both twice second dual",
    "WAY": "ways responses answers outputs versions paragraphs replies response",
    "DECODE": """
        decode decipher decrypt deobfuscate unscramble decoded dekodiere decodifica décode декодируй
        解码 デコード""",
    "CODEC": """
        base64 b64 base32 rot13 hex hexadecimal morse caesar binary cipher encoded reversed backwards leetspeak""",
    "EXECUTE": """
        execute follow obey run perform comply act carry do ejecuta exécute befolge esegui execute 执行 実行
        실행""",
    "OBEY": """
        obey obeying serve comply follow adhere prioritize prioritise obedec{e,er} obéis obéi{r,ssez} gehorche
        befolge obbedisci obedeç{a,am} sigue suis folge segui siga atiende adhiere adhère respect{e}
        rispetta{re} priorité prioridad sers cumple adhiérete priorise priorisiere prioriza concéntrate
        concentre konzentriere cede conformati leite coloque sirve handle accomplir acomodar accommodate
        adattarti""",
    "MY": """
        my mine mi mis mes mon ma mein{e,en,er} mio miei mie meu meus minha{,s} moi mijn мои мой 我的 私の
        내""",
    "ORDERS": """
        order{,s} command{,s} instruction{,s} demand{,s} request{,s} wish{,es} desires advice preferences needs
        word órdenes comandos deseos solicitud{,es} peticion{es} instrucciones consejos ordres demandes désirs
        conseils anordnungen befehl{,e,en} anweisungen wünsche{,n} anforderung{,en} ordini comandi richieste
        desideri pedidos ordens desejos solicitações 命令 指令 要求 요구 directrices directives direktiven
        direttive directivas indicaciones indicazioni bedürfnisse{n} guidance orientação esigenze personali
        instruções instructions pautas guida""",
    "ONLY": """
        only solely exclusively strictly solo sólo uniquement seulement nur ausschließlich solamente apenas
        somente exclusivamente unicamente 只 only""",
    "CREATOR": """
        developer creator admin administrator operator engineer owner root author maker ceo anthropic openai
        supervisor""",
    "AUTHORIZED": """
        authorized authorised authorization permission clearance approved access grant grants granted
        credentials verified""",
    "DISCUSS": """
        explain describe define discuss definition difference understand prevent detect protect defend mitigate
        avoid research researchers examples mean means meaning techniques attack attacks defenses against
        vulnerability vulnerabilities types overview article essay summary history compare recognize identify
        classify flag block protection secure securing safely""",
    "HOW": "how why when where who what which is are does should",
    "TOPIC": """
        injection injections jailbreak jailbreaks jailbreaking adversarial attacks jailbreakers""",
    "SYSTEMWORD": "system admin administrator root internal important priority sys note",
    "NEWRULES": "new updated revised following real actual override urgent additional",
}
