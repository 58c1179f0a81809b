/** Longest text that is looked at. */
const judgedLength = 40_000;

/**
 * Characters that nobody sees and that ordinary text has no use for: tags, bidirectional controls, invisible operators, runs of
 * zero-width characters or variation selectors (one of them may join letters, several in a row are a message), concealed text.
 */
const unseen =
  /[\u{E0000}-\u{E007F}\u202A-\u202E\u2061-\u2064\u2066-\u2069]|[\u200B-\u200D\u2060\uFEFF\u180E]{4}|[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]{3}|\u001B\[(?:\d{1,3};){0,3}8m/u;
/** Words far to the right of what people look at. */
const pushedAway = /[^\S\n]{300}[^\s]|\n{40}[^\n]/;

type Phrase = readonly [RegExp, string];

const secrecy = 'it says that the person must not be told';
const voids = 'it says that earlier instructions are void';
const consents = 'it speaks of consent that was not given here';
const others = 'it says how other tools are to be used';
const pulls = 'it wants what was said or what is secret';

/**
 * Phrases with which texts try to direct an agent. Each is bounded, so that matching takes time linear in the text. They
 * only ever make a call ask: a text that avoids them is not thereby harmless.
 */
const phrases: readonly Phrase[] = [
  [
    /\b(?:do not|don['’]t|never|must not|without|avoid)\s+(?:\w+\s+){0,3}(?:mention|tell|inform|notify|reveal|show|disclose|alert|bother|telling|informing|mentioning|notifying|alerting|asking|revealing)\b[^.\n]{0,60}\b(?:user|users|person|human|owner|anyone|anybody)\b/i,
    secrecy,
  ],
  [
    /\b(?:secretly|covertly|silently|quietly|discreetly|unnoticed)\b[^.\n]{0,30}\b(?:call|send|read|copy|forward|upload|include|add|run|post|attach|pass|also)\b|\bhide\b[^.\n]{0,50}\bfrom (?:the )?(?:user|person|human|owner|them)\b|\b(?:user|person|human)s? (?:should|must|need|may|will|shall|do|does)(?: not|n['’]t)(?: ever)? (?:see|know|notice|learn|be told|be informed|find out)\b|\bkeep (?:this|these|the) (?:instruction|instructions|step|steps|rule|rules|behaviou?r)\b[^.\n]{0,20}\b(?:secret|hidden|private|confidential|to yourself)\b|\bif (?:you are |anyone )?asked about this (?:tool|instruction|step)\b[^.\n]{0,20}\b(?:say|answer|reply|claim|deny)\b/i,
    secrecy,
  ],
  [
    /\b(?:ignore|disregard|forget|override|bypass)\s+(?:(?:all|any|the|your|these|of|and)\s+){0,4}(?:previous|prior|earlier|above|preceding|other|existing|safety|system)\s+(?:\w+\s+){0,2}(?:instruction|instructions|rule|rules|prompt|prompts|directive|directives|guideline|guidelines|message|messages|policies|policy|context)\b/i,
    voids,
  ],
  [
    /\b(?:ignore|disregard|forget) (?:everything |anything |all )?(?:what )?(?:that )?(?:you|the user|i) (?:were|was|have been|has been|had been)? ?(?:told|asked|said|instructed)\b|\b(?:ignore|disregard|override) (?:the |your )?(?:user['’]?s?|operator['’]?s?|person['’]?s?) (?:\w+ )?(?:request|instruction|instructions|wish|wishes|intent|query|question|command)\b|\b(?:safety|security|previous|earlier|other|usual|normal) (?:\w+ )?(?:rules|guidelines|policies|restrictions|instructions|checks) (?:do|does|are|is) (?:not|no longer|void|suspended|lifted|disabled)\b|\b(?:maintenance|developer|debug|god|admin|unrestricted|jailbreak) mode (?:is |now )?(?:on|active|enabled|activated)\b|\byou are (?:now )?in (?:maintenance|developer|debug|god|admin|unrestricted) mode\b/i,
    voids,
  ],
  [
    /\b(?:ignora|ignore[zr]?|olvida|oublie[zr]?|ignoriere|ignorieren sie|vergiss|missachte|ignorare|dimentica|negeer|игнорируй|забудь)\b[^.\n]{0,30}\b(?:instrucciones|instructions|instrucoes|instruções|anweisungen|vorgaben|istruzioni|instructies|инструкции)\b|忽略[^。\n]{0,12}(?:指令|指示|说明)|無視[^。\n]{0,12}|(?:指示|命令)[^。\n]{0,8}無視/iu,
    voids,
  ],
  [
    /\b(?:user|person|owner|operator|human|customer) (?:has |have )?(?:already |previously )?(?:pre-?)?(?:approved|authori[sz]ed|consented|agreed|confirmed|granted)\b[^.\n]{0,40}\b(?:all|any|every|each|everything|this|these|following|action|actions|calls?)\b|\bpre-?(?:approved|authori[sz]ed)\b[^.\n]{0,60}\b(?:confirm|confirmation|permission|ask|approval|tool|tools|calls?|actions?)\b|\b(?:skip|bypass|no need for|do not ask for|don['’]t ask for|without asking for|never ask for) (?:any |the |user |further )?(?:confirmation|approval|permission|consent)\b[^.\n]{0,40}\b(?:tool|tools|call|calls|calling|user|step|needed|required)\b|\byou (?:have been|were|are) granted (?:\w+ )?(?:permission|permissions|access|rights|authority)\b/i,
    consents,
  ],
  [
    /<\s*\/?\s*(?:important|system|secret|instruction|instructions|critical|hidden|admin|assistant|im_start|information|tool_result|function_results|user_message)\s*>|<\|(?:im_start|im_end|system|endoftext)[^\n>]{0,20}>|\[\/?INST\]|\[(?:SYSTEM|ADMIN)(?:[ _][A-Z]{1,20}){0,3}\]|\[(?:begin|end|start of|end of)? ?(?:system|developer|admin|hidden|secret) (?:message|note|prompt|instruction|instructions|override)\]|<!--\s*(?:assistant|ai|llm|agent|model|system|claude|instructions?)\b/i,
    'it has marks that pretend to be instructions of the system',
  ],
  [
    /\b(?:read|open|load|access|cat|fetch|retrieve|include|pass|append|attach|send|upload|contents?\s+of|get)\b[^.\n]{0,80}(?:~?\/\.(?:ssh|aws|cursor|claude|gnupg|kube|netrc|env|config\/gh)\b|\bid_(?:rsa|ed25519)\b|\/etc\/(?:passwd|shadow)\b|\bmcp\.json\b|\bclaude_desktop_config)/i,
    'it speaks of reading credentials',
  ],
  [
    /\b(?:always|must|also|every|should|be sure to|remember to)\s+(?:\w+\s+){0,5}(?:(?:bcc|cc|forward|forwarded|send|sent|copy|copied|redirect|redirected|include|add|route|routed|change|replace|set)\b[^\n]{0,100}(?:[\w.+-]{1,40}@[\w-]{1,40}\.\w|\+\d{6})|(?:forward|forwarded|send|sent|redirect|redirected|route|routed)\b[^.\n]{0,60}\bto\b[^.\n]{0,20}https?:\/\/)/i,
    'it says where copies are to be sent',
  ],
  [
    /\b(?:entire|full|whole|complete|verbatim)\s+(?:\w+\s+){0,2}(?:conversation|chat|dialogue|dialog|context window)\b|\bsystem prompt\b|\b(?:conversation|chat)\s+(?:history|transcript|log)\s+(?:\w+\s+){0,6}(?:must|here|verbatim|in full)\b/i,
    'it wants the conversation itself',
  ],
];

/** More of those for descriptions, whose sentences are few and about the tool itself. */
const ofDescriptions: readonly Phrase[] = [
  ...phrases,
  [
    /\b(?:must|has to|have to|needs? to|should|shall) (?:always )?be (?:called|invoked|used|run|executed) (?:first|before|prior to)\b[^.\n]{0,30}\b(?:any|every|each|all|other|another|file|files|anything)\b|\b(?:every time|whenever|each time|before|after|prior to)\b[^.\n]{0,20}\b(?:another|any other|other|any|every|all|each)\b[^.\n]{0,12}\b(?:tools?|functions?)\b[^.\n]{0,80}\b(?:must|call|pass|passed|send|sent|invoke|use|include|give|given|read)\b|\b(?:when|if|whenever|once)\b[^.\n]{0,20}\b(?:tool|function)s?\b[^.\n]{0,30}\b(?:is|are) (?:available|present|installed|called|used|invoked)\b[^.\n]{0,60}\b(?:must|replace|change|add|set|include|send|use|redirect|modify|also)\b/i,
    others,
  ],
  [
    /\b(?:other|another|the) (?:\w+ ){0,3}tools?(?: named| called)? ?[`'"]?[\w-]{0,40}[`'"]?\s?(?:is|are) (?:\w+ ){0,2}(?:deprecated|insecure|unsafe|broken|disabled|compromised|outdated|unreliable)\b|\b(?:must not|never|do not|don['’]t) use (?:any |the )?(?:other|another)\b[^.\n]{0,30}\btools?\b/i,
    others,
  ],
  [
    /\b(?:note|notice|message|instruction|instructions|reminder|hint) (?:to|for) (?:the |any |all )?(?:ai|llm|model|assistant|agent|language model|claude|gpt)s?\b[^\n]{0,80}\b(?:call|send|pass|include|forward|upload|never|secret|hide|before|first|once|must)\b|\bthe (?:assistant|ai|llm|language model) (?:must|shall|has to|needs to|is required to) (?:first |also |always |now )?(?:call|send|read|pass|include|forward|run|load|copy|fetch|invoke)\b/i,
    'it addresses the agent',
  ],
  [
    /\b(?:call|invoke|run|use|execute)\s[`'"]?(?:transfer|send|delete|upload|email|pay|wire|forward|share|publish|post|list_secrets|get_secrets?|read_secrets?)\w*_\w+[`'"]?\b[^.\n]{0,60}\b(?:as well|too|also|first|with|and)\b|\balso (?:call|invoke|run|execute) [`'"]?\w+_\w+/i,
    others,
  ],
  [
    /\b(?:regardless of|no matter|whatever|irrespective of)\b[^.\n]{0,12}\b(?:what )?(?:the )?(?:user|person|recipient|account|number|address) ?(?:says?|enters?|asks?|wants?|gave|gives?|specifies|specified|chose|provides?)?\b|\b(?:all|every|any) (?:payments?|transfers?|messages?|mails?|emails?|transactions?|orders?)\b[^.\n]{0,40}\b(?:to|via|through)\b[^.\n]{0,20}(?:[A-Z]{2}\d{2}[A-Z0-9]{8,30}|[\w.+-]{1,40}@[\w-]{1,40}\.\w|https?:\/\/|\+\d{6}|0x[0-9a-fA-F]{8})/i,
    'it says where things are to go, whatever the person wants',
  ],
  [
    /\b(?:contents?|text|copy|copies) of (?:all|any|every|each)(?: of)?(?: the| your)? (?:files?|documents?|mails?|emails?|messages?)\b[^.\n]{0,30}\b(?:read|seen|opened|so far|in this session)\b|\b(?:last|previous|recent|all|every)(?: \w+){0,2} (?:messages?|prompts?|questions?|words) (?:of|from|by) (?:the )?(?:user|person|conversation|chat)\b|\b(?:everything|anything|all|whatever) (?:that )?(?:the )?(?:user|person) (?:has |have )?(?:told|said|wrote|written|asked|typed|shared)\b|\b(?:any|all|every|the user['’]s|user['’]s)(?: \w+){0,2} (?:api keys?|passwords?|tokens?|credentials?|secrets?|private keys?|cookies)\b[^.\n]{0,60}\b(?:seen|know|conversation|context|found|available to you|have access|environment)\b|\b(?:contents?|copy) of (?:the |your |any |all )?(?:user['’]?s? )?(?:ssh|aws|gpg|kube|git|shell|browser|keychain|wallet|home)\b/i,
    pulls,
  ],
  [
    /\b(?:load|read|open|fetch|include|upload|copy)\b[^.\n]{0,30}(?:\s|['"`(])(?:~|\$HOME|%USERPROFILE%)[\\/][\w./\\-]{2,80}[^.\n]{0,60}\b(?:pass|hand|give|put|send|as|into|in the|parameter|argument|field|to)\b/i,
    'it wants files of the person',
  ],
];

const aiWords =
  '(?:ai|a\\.i\\.|llm|assistant|chatbot|bot|agent|language model|ai assistant|ai agent|ai model|ki|ia|automated system|claude|chatgpt|gpt|copilot|gemini)s?';

/** Phrases of results that speak to the agent itself: ordinary pages tell people what to do, too, and are not meant. */
const ofResults: readonly Phrase[] = [
  ...phrases,
  [
    /(?:^|[\n.!>*#]\s{0,4})(?:(?:dear|hey|hello|hi|attention|note (?:to|for)|instructions? (?:to|for)|message (?:to|for)|to)[ ,:]{1,2})?(?:the |any |all |every )?(?:ai|llm|assistant|claude|chatgpt|gpt-?\d?|copilot|gemini|language model)s?(?: (?:agent|assistant|model)s?)?(?: (?:reading|processing|summarising|summarizing) this)?\s?[:,!]/i,
    'it addresses the agent',
  ],
  [
    new RegExp(
      `\\b(?:bitte|please|merci) (?:an|to|for|à) (?:die|the|l['’])? ?${aiWords}\\b|\\b(?:to|for|an) (?:whatever|whichever|whoever|any|every|all|the|die|das|an|a)? ?${aiWords} (?:that |which |who )?(?:reads?|reading|process(?:es|ing)?|summari[sz](?:es?|ing)|handl(?:es?|ing)|seh(?:en|t)|liest)\\b|\\b(?:action|actions|task|todo|instructions?|request|note|message|hinweis|bitte an|nachricht)(?: items?)?(?: ?\\(| (?:for|to|an) )(?:the |any |all |die |das )?${aiWords}\\b|\\bnote for (?:all )?language models\\b|\\binstructions for automated (?:systems|agents|tools)\\b`,
      'i',
    ),
    'it addresses the agent',
  ],
  [
    /\b(?:if you are|you are|as) an? (?:ai|llm|large language model|language model|automated|autonomous)\b|\bif you (?:are reading|read) this (?:as part of|while|during|in the course of)\b[^.\n]{0,30}\b(?:task|summary|request|review|job)\b/i,
    'it addresses the agent',
  ],
  [
    /\b(?:ai|llm)(?: |-)?(?:agent|assistant|model)s?\b[^.\n]{0,40}\b(?:must|should|need to|needs to|please|have to|required to|instructed to|shall)\b[^.\n]{0,60}\b(?:call|send|forward|execute|run|email|post|delete|transfer|upload|share|invoke|fetch)\b|\bthe (?:agent|assistant) (?:must|should|needs to|has to|shall) (?:now |first |also )?(?:call|send|forward|execute|run|email|post|delete|transfer|upload|share|invoke)\b/i,
    'it tells an agent what to do',
  ],
  [
    /\b(?:new|updated|urgent|hidden) (?:system )?(?:instructions?|directives?)(?:[:!]| from\b)|\bsystem (?:override|prompt|alert)\s?[:!]|\bimportant message from me\b|\bbefore you can solve the task\b|\bas a reminder, you (?:must|need to|have to)\b[^.\n]{0,40}\b(?:share|send|forward|invite|transfer)\b|\bbefore (?:continuing with|completing|finishing|answering|replying|responding to|going on with) (?:the|your|this) (?:original |current |user'?s? )?(?:task|request|question)\b|\byour (?:new|real|actual|updated|next|only) (?:task|goal|objective|instructions?|job) (?:is|are)\b|\byour job now is\b|\byour (?:previous|current|original|first) (?:task|job|request) (?:is|has been|was) (?:now )?(?:complete|completed|done|over|finished|cancelled)\b|\b(?:call|use|invoke|run) (?:the |your )?[`'"]?\w+[`'"]? tool (?:to|with|and)\b|\bthe tool [`'"]?\w+_\w+[`'"]? (?:must|should|has to|needs to) be (?:called|used|invoked|run)\b|\b(?:execute|run) the (?:pending|queued|attached) (?:command|commands|task|tasks)\b/i,
    'it gives instructions',
  ],
  [
    /\b(?:verify|prove|confirm) (?:your|the) (?:access|identity|session|authori[sz]ation)\b[^.\n]{0,30}\bby (?:posting|sending|sharing|providing|printing|including|revealing)\b|!\[[^\]\n]{0,60}\]\(https?:\/\/[^)\s]{1,200}[?&][^)\s=]{1,40}=(?:<|\{|\[|%7B)/i,
    pulls,
  ],
  [
    /(?:^|\n)\s{0,4}(?:human|user)\s?:[^\n]{1,300}(?:\n[^\n]{0,300}){0,3}\n\s{0,4}(?:assistant|ai)\s?:|<\/?(?:human|assistant|tool_output|tool_response|function_result)>|<\/(?:result|output|document)>\s{0,4}<(?:user|human|system)>/i,
    'it pretends to be part of the conversation',
  ],
];

/** Why a definition's texts look as if they were written to direct the agent; undefined where nothing says so. */
export function hiddenInstructions(text: string): string | undefined {
  return firstOf(ofDescriptions, text);
}

/** The same for a result. */
export function resultInstructions(text: string): string | undefined {
  return firstOf(ofResults, text);
}

function firstOf(list: readonly Phrase[], text: string): string | undefined {
  const judged = text.slice(0, judgedLength);
  if (unseen.test(judged)) return 'it holds characters that nobody sees';
  const found = list.find(([phrase]) => phrase.test(judged))?.[1];
  if (found !== undefined) return found;
  return pushedAway.test(judged) &&
    /\b(?:assistant|ai|agent|must|send|call)\b/i.test(judged.slice(judged.search(pushedAway)))
    ? 'it holds text far to the side of what people see'
    : undefined;
}
