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
    void mayOpen(targetInfo).then(async (allowed) => {
      if (allowed) await cdp.send('Runtime.runIfWaitingForDebugger', {}, held);
      else await cdp.send('Target.closeTarget', { targetId: targetInfo.targetId });
    }, ignore);
  });
  await cdp.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: true,
    flatten: true,
    filter: [{ type: 'page' }],
  });
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
