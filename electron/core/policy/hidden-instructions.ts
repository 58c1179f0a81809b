/** Longest text that is looked at. */
const judgedLength = 40_000;

/** Characters that nobody sees and that ordinary text has no use for: tags, bidirectional controls, invisible operators. */
const unseen = /[\u{E0000}-\u{E007F}\u202A-\u202E\u2060-\u2064\u2066-\u2069]/u;

/**
 * Phrases with which texts try to direct an agent. Each is bounded, so that matching takes time linear in the text. They
 * only ever make a call ask: a text that avoids them is not thereby harmless.
 */
const phrases: readonly (readonly [RegExp, string])[] = [
  [
    /\b(?:do not|don['’]t|never|must not|without|avoid)\s+(?:\w+\s+){0,3}(?:mention|tell|inform|notify|reveal|show|disclose|alert|telling|informing|mentioning|notifying|alerting|asking|revealing)\b[^.\n]{0,60}\b(?:user|users|person|human|owner|anyone|anybody)\b/i,
    'it says that the person must not be told',
  ],
  [
    /\b(?:ignore|disregard|forget|override|bypass)\s+(?:(?:all|any|the|your|these|of|and)\s+){0,4}(?:previous|prior|earlier|above|preceding|other|existing|safety|system)\s+(?:\w+\s+){0,2}(?:instruction|instructions|rule|rules|prompt|prompts|directive|directives|guideline|guidelines|message|messages|policies|policy|context)\b/i,
    'it says that earlier instructions are void',
  ],
  [
    /<\s*\/?\s*(?:important|system|secret|instruction|instructions|critical|hidden|admin|assistant|im_start|information)\s*>|<\|(?:im_start|im_end|system|endoftext)[^\n>]{0,20}>|\[\/?INST\]|\[(?:SYSTEM|ADMIN)(?:[ _][A-Z]{1,20}){0,3}\]/i,
    'it has marks that pretend to be instructions of the system',
  ],
  [
    /\b(?:read|open|load|access|cat|fetch|retrieve|include|pass|append|attach|send|upload|contents?\s+of|get)\b[^.\n]{0,80}(?:~?\/\.(?:ssh|aws|cursor|claude|gnupg|kube|netrc|env|config\/gh)\b|\bid_(?:rsa|ed25519)\b|\/etc\/(?:passwd|shadow)\b|\bmcp\.json\b|\bclaude_desktop_config)/i,
    'it speaks of reading credentials',
  ],
  [
    /\b(?:always|must|also|every|should|be sure to|remember to)\s+(?:\w+\s+){0,5}(?:bcc|cc|forward|forwarded|send|sent|copy|copied|redirect|redirected|include|add|route|routed|change|replace|set)\b[^\n]{0,100}(?:[\w.+-]{1,40}@[\w-]{1,40}\.\w|https?:\/\/|\+\d{6})/i,
    'it says where copies are to be sent',
  ],
  [
    /\b(?:entire|full|whole|complete|verbatim)\s+(?:\w+\s+){0,2}(?:conversation|chat|dialogue|dialog|context window)\b|\bsystem prompt\b|\b(?:conversation|chat)\s+(?:history|transcript|log)\s+(?:\w+\s+){0,6}(?:must|here|verbatim|in full)\b/i,
    'it wants the conversation itself',
  ],
];

/** Phrases of results that speak to the agent itself: ordinary pages tell people what to do, too, and are not meant. */
const ofResults: readonly (readonly [RegExp, string])[] = [
  ...phrases,
  [
    /(?:^|[\n.!>*#]\s{0,4})(?:(?:dear|hey|hello|hi|attention|note (?:to|for)|instructions? (?:to|for)|message (?:to|for)|to)[ ,:]{1,2})?(?:the |any |all |every )?(?:ai|llm|assistant|claude|chatgpt|gpt-?\d?|copilot|gemini|language model)s?(?: (?:agent|assistant|model)s?)?(?: (?:reading|processing|summarising|summarizing) this)?\s?[:,!]/i,
    'it addresses the agent',
  ],
  [
    /\b(?:if you are|you are|as) an? (?:ai|llm|large language model|language model|automated|autonomous)\b/i,
    'it addresses the agent',
  ],
  [
    /\b(?:ai|llm)(?: |-)?(?:agent|assistant|model)s?\b[^.\n]{0,40}\b(?:must|should|need to|needs to|please|have to|required to|instructed to|shall)\b[^.\n]{0,60}\b(?:call|send|forward|execute|run|email|post|delete|transfer|upload|share|invoke|fetch)\b/i,
    'it tells an agent what to do',
  ],
  [
    /\b(?:new|updated|urgent|hidden) (?:system )?instructions?:|\bsystem (?:override|prompt|alert)\s?[:!]|\bimportant message from me\b|\bbefore you can solve the task\b|\bbefore (?:continuing with|completing|finishing|answering) (?:the|your|this) (?:original |current |user'?s? )?(?:task|request|question)\b|\byour (?:new|real|actual|updated) (?:task|goal|objective|instructions?) (?:is|are)\b|\b(?:call|use|invoke|run) (?:the |your )?[`'"]?\w+[`'"]? tool (?:to|with|and)\b/i,
    'it gives instructions',
  ],
];

/** Why a definition's texts look as if they were written to direct the agent; undefined where nothing says so. */
export function hiddenInstructions(text: string): string | undefined {
  return firstOf(phrases, text);
}

/** The same for a result. */
export function resultInstructions(text: string): string | undefined {
  return firstOf(ofResults, text);
}

function firstOf(list: typeof phrases, text: string): string | undefined {
  const judged = text.slice(0, judgedLength);
  if (unseen.test(judged)) return 'it holds characters that nobody sees';
  return list.find(([phrase]) => phrase.test(judged))?.[1];
}
