import * as z from 'zod';
import { updatesView } from '../updates.ts';
import { checkView, instant, preferencesView, presenceView, statusView } from '../views.ts';
import { nothing, request } from './request-spec.ts';

/** Requests about the app itself: status, pause, settings, the doctor. */
export const appRequests = {
  'status.get': request(nothing, statusView),
  'ui.address': request(nothing, z.object({ url: z.string() })),

  /** Where this installation keeps its things, for the Settings page. */
  'app.about': request(
    nothing,
    z.object({
      dataDir: z.string(),
      /** What seals new secrets: `keyfile`, or `safe-storage:<backend>` (`security.md` S21). */
      sealer: z.string(),
      storage: z.object({ logBytes: z.number().int(), totalBytes: z.number().int() }),
      /** Whether this desktop shows tray icons; absent where no desktop shell runs. */
      trayShown: z.boolean().optional(),
    }),
  ),

  /**
   * The doctor's findings from the `from`th on, as soon as there is one more: a front asks again until `done`. 0 begins
   * anew unless somebody's examination is under way. `report` is safe to paste in public.
   */
  'doctor.look': request(
    z.strictObject({ from: z.number().int().min(0).max(1_000) }),
    z.object({ checks: z.array(checkView), done: z.boolean(), report: z.string().optional() }),
  ),

  pause: request(nothing, z.object({ paused: z.literal(true), at: instant, endedStreams: z.number().int() })),
  resume: request(nothing, z.object({ paused: z.literal(false), at: instant, endedStreams: z.number().int() }), {
    widens: true,
  }),

  'settings.get': request(nothing, preferencesView),
  'settings.set': request(preferencesView.partial().strict(), preferencesView, { widens: true }),

  /**
   * Writes everything of this installation into one sealed file that is not there yet. The code that opens it is in the answer
   * and nowhere else.
   */
  'app.backup': request(
    z.strictObject({ path: z.string().min(1).max(4_096) }),
    z.object({ path: z.string(), code: z.string(), bytes: z.number().int() }),
    { widens: true },
  ),
  /** Looks for an update, downloads the one that is offered, or ends the app and installs it. */
  'updates.do': request(z.strictObject({ do: z.enum(['check', 'download', 'install']) }), updatesView, {
    widens: true,
  }),
  /** Makes a new authority and ends every grant, token and remembered answer. Answers who must be let in again. */
  'app.resetKeys': request(
    nothing,
    z.object({
      fingerprint: z.string(),
      agents: z.array(z.object({ id: z.string(), name: z.string(), servers: z.array(z.string()) })),
    }),
    { widens: true },
  ),

  /**
   * Says that the person goes (`away` with or without a time, at most a day), is back (`back`), has read what happened
   * meanwhile (`seen`), or shows the screen to others (`presenting`).
   */
  'presence.set': request(
    z.strictObject({
      away: z.strictObject({ forMs: z.number().int().min(60_000).max(86_400_000).optional() }).optional(),
      back: z.literal(true).optional(),
      seen: z.literal(true).optional(),
      presenting: z.boolean().optional(),
    }),
    presenceView,
  ),
} as const;
