import { visibleText } from '../../shared/visible-text.ts';

/** One page of the authorization server: HTML without a single outside resource. */
export interface Page {
  readonly status: number;
  readonly html: string;
  /** Nonce of the page's own style and script, for its policy. */
  readonly nonce: string;
  /** Seconds after which the browser asks again, or goes elsewhere. */
  readonly refresh?: { readonly seconds: number; readonly url?: string };
}

/** What the page that waits shows. */
export interface WaitingPage {
  readonly nonce: string;
  readonly client: string;
  readonly server: string;
  readonly csrf: string;
  readonly phase: 'asked' | 'allowed';
  readonly codeTyped: boolean;
  readonly triesLeft: number;
  readonly wrong: boolean;
}

/** The page that waits for a person and asks for the code from their screen. */
export function waitingPage(view: WaitingPage): Page {
  const who = text(view.client);
  const body = view.codeTyped
    ? `<p>The code is right. Now choose <b>Allow</b> in Sallyport.</p>`
    : `<p>Sallyport shows a request and a six-digit code on the machine that shares <b>${text(view.server)}</b>. Choose
<b>Allow</b> there, and type the code here.</p>
${view.wrong ? `<p class="wrong" role="alert">That was not the code. ${view.triesLeft === 1 ? 'One try is' : `${view.triesLeft} tries are`} left.</p>` : ''}
<form method="post" autocomplete="off"><label for="code">Code</label>
<input id="code" name="code" inputmode="numeric" pattern="[0-9 ]{6,7}" maxlength="7" required autofocus>
<input type="hidden" name="csrf" value="${text(view.csrf)}"><button>Continue</button></form>`;
  const phase = `${view.phase}${view.codeTyped ? '+' : ''}`;
  const script = `const was=${JSON.stringify(phase)};setInterval(async()=>{try{const r=await fetch(location.pathname+'/state');
const s=(await r.json()).state;if(s!==was&&(s==='over'||was.endsWith('+')))location.replace(location.pathname)}catch{}},1000)`;
  return {
    status: 200,
    nonce: view.nonce,
    html: document(
      view.nonce,
      `Let ${who} in?`,
      `${body}<p class="quiet">You came here to connect ${who}. If you did not, close this page: nothing happens then.</p>`,
      script,
    ),
    ...(view.codeTyped ? { refresh: { seconds: 2 } } : {}),
  };
}

/** A page that only says something. */
export function plainPage(options: {
  readonly status: number;
  readonly nonce: string;
  readonly title: string;
  readonly sentences: readonly string[];
  readonly refresh?: Page['refresh'];
}): Page {
  const { status, nonce, title, sentences, refresh } = options;
  const body = sentences.map((sentence) => `<p>${text(sentence)}</p>`).join('');
  return { status, nonce, html: document(nonce, text(title), body), ...(refresh ? { refresh } : {}) };
}

/** Headers of every page: nothing from outside, no framing, no referrer, nothing kept. */
export function pageHeaders(page: Page): Record<string, string> {
  const { nonce, refresh } = page;
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    ...(refresh ? { refresh: `${refresh.seconds}${refresh.url === undefined ? '' : `; url=${refresh.url}`}` } : {}),
  };
}

/** Headers of every answer of the authorization server. */
export const strictHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  // Not 'no-referrer': browsers then send `Origin: null` with our own form, which looks like another site's.
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

function document(nonce: string, title: string, body: string, script = ''): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>${title} · Sallyport</title><style nonce="${nonce}">${style}</style>
<main><h1>${title}</h1>${body}</main>${script === '' ? '' : `<script nonce="${nonce}">${script}</script>`}</html>`;
}

function text(value: string): string {
  return visibleText(value, { max: 300 })
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

const style = `:root{font:15px/1.55 system-ui,sans-serif;color:#1d2329;background:#f4f5f6}
main{max-width:27rem;margin:14vh auto 0;padding:0 1.5rem}h1{font-size:1.35rem;line-height:1.3;margin:0 0 1rem}
.quiet{color:#5d6770;font-size:.9rem;margin-top:2rem}.wrong{color:#a02222}
form{display:flex;gap:.6rem;align-items:end;flex-wrap:wrap;margin:1.2rem 0}label{flex-basis:100%;font-weight:600}
input,button{font:inherit;padding:.5rem .75rem;border-radius:6px;border:1px solid #9aa4ad}
input{font-size:1.35rem;letter-spacing:.18em;width:9.5rem;font-variant-numeric:tabular-nums;background:#fff;color:inherit}
button{background:#1f5f8b;border-color:#1f5f8b;color:#fff;padding:.66rem 1.2rem}
:focus-visible{outline:2px solid #1f5f8b;outline-offset:2px}
@media (prefers-color-scheme:dark){:root{color:#e6e9ec;background:#17191c}.quiet{color:#9aa4ad}.wrong{color:#f0908a}
input{background:#22262a;border-color:#59636c}}`;
