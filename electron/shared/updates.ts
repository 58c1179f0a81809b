import * as z from 'zod';
import { instant } from './views.ts';

/** How it stands with updates. `off` = this package names no feed. */
export const updatesView = z.object({
  state: z.enum(['off', 'idle', 'checking', 'available', 'downloading', 'ready', 'failed']),
  /** The version that is offered. */
  version: z.string().optional(),
  percent: z.number().int().min(0).max(100).optional(),
  checkedAt: instant.optional(),
  error: z.string().optional(),
});
/** See {@link updatesView}. */
export type UpdatesView = z.infer<typeof updatesView>;

/** Updates as the desktop shell brings them along; nothing is downloaded or installed but by a person. */
export interface Updates {
  view(): UpdatesView;
  check(): Promise<UpdatesView>;
  download(): Promise<UpdatesView>;
  /** Ends the app, installs and starts again. */
  install(): Promise<UpdatesView>;
  onChange(listener: () => void): () => void;
}
