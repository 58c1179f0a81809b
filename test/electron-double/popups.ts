import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import type { Cdp } from './cdp.ts';

const attached = z.object({
  sessionId: z.string(),
  targetInfo: z.object({ targetId: z.string(), type: z.string(), url: z.string() }),
});

/** Address under which the double itself opens pages; any other new page was opened by a page. */
const ownPage = 'about:blank#double';

const decisions: boolean[] = [];
const waiting: ((allowed: boolean) => void)[] = [];

/** A window asked to open another: the app's handler has said whether it may. */
export function decidePopup(allowed: boolean): void {
  const next = waiting.shift();
  if (next) next(allowed);
  else decisions.push(allowed);
}

/** Holds every new page of the browser until it is known to be ours, or the app has let it through. */
export async function guardPopups(cdp: Cdp): Promise<void> {
  cdp.onEvent(({ method, params, sessionId }) => {
    if (method !== 'Target.attachedToTarget' || sessionId !== undefined) return;
    const { sessionId: held, targetInfo } = attached.parse(params);
    void admit(cdp, held, targetInfo).catch(ignore);
  });
  await cdp.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: true,
    flatten: true,
    filter: [{ type: 'page' }],
  });
}

async function admit(cdp: Cdp, held: string, target: { targetId: string; type: string; url: string }): Promise<void> {
  if (await mayOpen(target)) await cdp.send('Runtime.runIfWaitingForDebugger', {}, held);
  else await close(cdp, held, target.targetId);
}

/**
 * Closes a page that may not be. A held page holds its opener's script too, so it must go on first; and closing it lets go
 * of whatever it had asked for, so its first request is failed before.
 */
async function close(cdp: Cdp, held: string, targetId: string): Promise<void> {
  const failed = new Promise<void>((done) => {
    cdp.onEvent(({ method, params, sessionId }) => {
      if (method !== 'Fetch.requestPaused' || sessionId !== held) return;
      const { requestId } = params;
      void cdp
        .send('Fetch.failRequest', { requestId, errorReason: 'BlockedByClient' }, held)
        .catch(ignore)
        .then(() => done());
    });
  });
  await cdp.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] }, held);
  await cdp.send('Runtime.runIfWaitingForDebugger', {}, held);
  // An empty page asks for nothing.
  await Promise.race([failed, wait(1_000)]);
  await cdp.send('Target.closeTarget', { targetId });
}

/** Opens a page of the double's own. */
export async function openPage(cdp: Cdp): Promise<string> {
  const { targetId } = await cdp.send('Target.createTarget', { url: ownPage });
  return String(targetId);
}

async function mayOpen({ type, url }: { type: string; url: string }): Promise<boolean> {
  if (type !== 'page' || url === ownPage) return true;
  return decisions.shift() ?? new Promise((resolve) => waiting.push(resolve));
}

function ignore(): void {
  // The page went away by itself.
}
