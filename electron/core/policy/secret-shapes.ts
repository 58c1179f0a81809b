/** A secret found in a text. */
export interface FoundSecret {
  readonly from: number;
  readonly to: number;
  /** What it is, in a few words. */
  readonly kind: string;
}

/**
 * Well-known formats only, each with a mark of its own, so that ids of tickets, hashes of commits and code are never taken for
 * one. Patterns are bounded: matching takes time linear in the text. A named group `s` is the secret where the rest is not.
 */
const shapes: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]{16,20000}(?:-----END [A-Z0-9 ]{1,60}-----)?/g,
    'a private key',
  ],
  [/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}\b/g, 'an AWS access key id'],
  [
    /\baws_?(?:secret_?)?(?:access_?)?key["']?\s{0,4}[=:]\s{0,4}["']?(?<s>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
    'an AWS secret key',
  ],
  [/\bgh[pousr]_[A-Za-z0-9]{36,251}\b/g, 'a GitHub token'],
  [/\bgithub_pat_[A-Za-z0-9_]{60,244}\b/g, 'a GitHub token'],
  [/\bglpat-[A-Za-z0-9_-]{20,64}(?![A-Za-z0-9_-])/g, 'a GitLab token'],
  [/\bsk-ant-[a-z0-9]{3,12}-[A-Za-z0-9_-]{32,200}/g, 'an Anthropic key'],
  [/\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{32,240}/g, 'an OpenAI key'],
  [/\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b/g, 'an OpenAI key'],
  [/\bsk-[A-Za-z0-9]{40,64}\b/g, 'an API key'],
  [/\b[rs]k_(?:live|test)_[A-Za-z0-9]{20,250}\b/g, 'a Stripe key'],
  [/\bwhsec_[A-Za-z0-9+/=]{24,120}/g, 'a webhook secret'],
  [/\bxox[abeoprs]-(?:[A-Za-z0-9]{1,80}-){1,5}[A-Za-z0-9]{8,80}\b/g, 'a Slack token'],
  [
    /https:\/\/hooks\.slack\.com\/services\/(?<s>T[A-Z0-9]{6,12}\/B[A-Z0-9]{6,12}\/[A-Za-z0-9]{20,32})/g,
    'a Slack webhook',
  ],
  [/\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g, 'a Google API key'],
  [/\bya29\.[A-Za-z0-9_-]{40,400}/g, 'a Google token'],
  [/\bnpm_[A-Za-z0-9]{36}\b/g, 'an npm token'],
  [/\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,250}/g, 'a PyPI token'],
  [/\bhf_[A-Za-z0-9]{34}\b/g, 'a Hugging Face token'],
  [/\bSG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}/g, 'a SendGrid key'],
  [/\bdop_v1_[a-f0-9]{64}\b/g, 'a DigitalOcean token'],
  [/\b(?:shpat|shpss|shpca|shppa)_[a-fA-F0-9]{32}\b/g, 'a Shopify token'],
  [/\blin_api_[A-Za-z0-9]{40}\b/g, 'a Linear key'],
  [/\b(?:ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43})\b/g, 'a Notion key'],
  [/\bkey-[a-f0-9]{32}\b/g, 'a Mailgun key'],
  [/\bsp_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g, 'a Sallyport token'],
  [/\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{16,1000}/g, 'a signed token'],
  [
    /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/"'<>]{1,100}:(?<s>[^\s:@/"'<>${}*]{4,200})@[a-z0-9.[-]/gi,
    'a password in an address',
  ],
  [
    /\bauthorization["']?\s{0,4}[=:]\s{0,4}["']?(?:bearer|basic|token)\s{1,4}(?<s>[A-Za-z0-9._~+/=-]{16,2000})/gi,
    'a credential',
  ],
  [
    /\b(?:password|passwd|client_?secret|api_?key|secret_?key|access_?token|refresh_?token|auth_?token|private_?key)["']?\s{0,4}[=:]\s{0,4}["']?(?<s>(?=[^\s"',;]{0,200}\d)(?=[^\s"',;]{0,200}[A-Za-z])[A-Za-z0-9!@#%^&*_+=/.~-]{12,200})(?=["'\s,;]|$)/gi,
    'a password or key',
  ],
];

/** A value that is written like code, not like a secret: a call, a member, a placeholder. */
const likeCode =
  /^(?:process\.|os\.|env\.|config\.|self\.|this\.|settings\.|your|example|changeme|placeholder|xxx|test_?|\$)|\.(?:get|env|[a-z]+[A-Z])|_{3}|\*{3}|x{5}/i;

/** What every shape has somewhere; a text without any of these holds none, which is most texts. */
const marks =
  /AKIA|ASIA|AROA|AIDA|gh[pousr]_|github_pat|glpat-|sk-|[rs]k_|whsec|xox|slack|AIza|ya29|npm_|pypi-|hf_|SG\.|dop_v1|shp|lin_api|ntn_|secret|key|sp_|eyJ|:\/\/|password|passwd|token|authorization/i;
const mayBeEncoded = /[A-Za-z0-9+/_-]{20}|%[0-9A-Fa-f]{2}/;
/** Shortest text that can hold one. */
const shortest = 12;

/** Longest text that is searched whole; what is beyond is not. */
export const searchedLength = 1_048_576;

/** The secrets of a text, in order, without overlap. */
export function findSecrets(text: string): readonly FoundSecret[] {
  if (text.length < shortest) return [];
  const searched = text.length > searchedLength ? text.slice(0, searchedLength) : text;
  const found: FoundSecret[] = [];
  for (const [shape, kind] of marks.test(searched) ? shapes : []) {
    for (const match of searched.matchAll(shape)) {
      const secret = match.groups?.s ?? match[0];
      if (match.groups?.s !== undefined && likeCode.test(secret)) continue;
      const from = match.index + match[0].lastIndexOf(secret);
      found.push({ from, to: from + secret.length, kind });
    }
  }
  for (const { from, to, decoded } of encodedRuns(searched)) {
    const inner =
      marks.test(decoded) &&
      shapes.find(([shape]) => new RegExp(shape.source, shape.flags.replace('g', '')).test(decoded));
    if (inner) found.push({ from, to, kind: `${inner[1]}, encoded` });
  }
  found.sort((one, other) => one.from - other.from || other.to - one.to);
  let end = 0;
  return found.filter((one) => {
    if (one.from < end) return false;
    end = one.to;
    return true;
  });
}

/** Runs of base64, hex or percent-encoding that decode, once, to printable text. */
export function encodedRuns(text: string): readonly { from: number; to: number; decoded: string }[] {
  const runs: { from: number; to: number; decoded: string }[] = [];
  if (!mayBeEncoded.test(text)) return runs;
  const add = (from: number, run: string, decoded: string): void => {
    const printable = decoded.replaceAll(/[^\t\n\r -~]/g, '').length;
    if (decoded.length >= 8 && printable >= decoded.length * 0.95) {
      runs.push({ from, to: from + run.length, decoded });
    }
  };
  for (const match of text.matchAll(/[A-Za-z0-9+/_-]{20,100000}={0,2}/g)) {
    if (runs.length > 200) break;
    if (/^[0-9a-f]+$/i.test(match[0])) continue;
    add(match.index, match[0], Buffer.from(match[0], 'base64').toString('utf8'));
  }
  for (const match of text.matchAll(/(?:[0-9a-f]{2}){12,50000}/gi)) {
    if (runs.length > 400) break;
    add(match.index, match[0], Buffer.from(match[0], 'hex').toString('utf8'));
  }
  // Looked for from its first per cent sign on, and widened to the left: a shape that may begin with any letter is tried at every one.
  for (const match of text.matchAll(/(?:%[0-9A-Fa-f]{2}[\w.~-]{0,60}){3,2000}/g)) {
    if (runs.length > 600) break;
    const before = /[\w.~-]*$/.exec(text.slice(Math.max(0, match.index - 60), match.index))?.[0] ?? '';
    const run = before + match[0];
    try {
      add(match.index - before.length, run, decodeURIComponent(run));
    } catch {
      // Not percent-encoding after all.
    }
  }
  return runs;
}
