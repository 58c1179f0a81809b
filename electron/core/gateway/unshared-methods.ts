import { pausedEnding, refused } from './endings.ts';
import { builtIn, type Judge } from './judge.ts';
import { codes } from './protocol-errors.ts';
import type { RequestContext } from './request-context.ts';

/**
 * Judges a request for a method that the gateway does not offer: prompts, resources, completion and the like are off until
 * they can be ticked (`security.md` S9), and to an agent that is the same as not existing.
 * @param status HTTP status: 404 in the modern era, 200 in the legacy era
 */
export function refuseMethod(
  judge: Judge,
  context: RequestContext,
  paused: () => { readonly at: string } | undefined,
): Promise<void> {
  const { method } = context.message;
  return judge.judge(
    context,
    {},
    () =>
      paused()
        ? builtIn('deny', 'paused', 'Sallyport is paused.')
        : builtIn('deny', 'not-shared', `${method} is not shared with agents.`),
    (judged) =>
      Promise.resolve(
        judged.decision.rule === 'built-in:paused'
          ? pausedEnding(context)
          : refused(context, codes.methodNotFound, `Method not found: ${method}`, context.modern ? 404 : 200),
      ),
  );
}
