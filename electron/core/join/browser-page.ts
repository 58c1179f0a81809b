import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import { type BrowserFront, createBrowserFront } from '../fronts/browser-front.ts';
import type { Dispatcher } from '../fronts/dispatcher.ts';
import type { Settings } from '../settings/settings.ts';

/** What {@link openBrowserPage} needs. */
export interface BrowserPageDeps {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly settings: Settings;
  /** Folder of the built pages. */
  readonly root: string;
  /** The port that was chosen for this run; 0 = any free one. Default: the remembered one. */
  readonly port?: number;
  /** Told in a sentence when the remembered port was busy and another is remembered from now on. */
  readonly onMoved: (message: string) => void;
}

/**
 * The page at its remembered port; a default one that is busy gives way to a free one (`design.md` §7).
 * @throws SallyportError `port_in_use` where the port was chosen
 */
export async function openBrowserPage(deps: BrowserPageDeps): Promise<BrowserFront> {
  const { dispatcher, root, clock, settings } = deps;
  const remembered = settings.get().ports.ui;
  const open = async (port: number): Promise<BrowserFront> => {
    const front = createBrowserFront({ dispatcher, root, port, clock });
    const bound = await front.start();
    if (bound !== remembered.port && deps.port === undefined) {
      deps.onMoved(`Port ${remembered.port} is in use; the page is at port ${bound} from now on.`);
      settings.update((current) => ({
        ...current,
        ports: { ...current.ports, ui: { ...current.ports.ui, port: bound } },
      }));
    }
    return front;
  };
  if (deps.port !== undefined) return await open(deps.port);
  return await open(remembered.port).catch((error: unknown) => {
    const busy = error instanceof SallyportError && error.code === 'port_in_use';
    if (busy && !remembered.chosen) return open(0);
    throw error;
  });
}
