import { app } from 'electron';

/** How long a quit waits for what is under way. */
const drainWithin = 5_000;

/** Ends the app the clean way, whichever way it was asked to: menu, tray, signal, log-out. */
export interface Quit {
  /** What to do before the app may go; called at most once. */
  onDrain(drain: () => Promise<void>): void;
}

/** Takes hold of the app's end: the first quit waits for the drain, at most five seconds; then the app goes. */
export function holdQuit(): Quit {
  let drain: (() => Promise<void>) | undefined;
  let state: 'running' | 'draining' | 'drained' = 'running';

  app.on('before-quit', (event) => {
    if (state === 'drained' || !drain) return;
    event.preventDefault();
    if (state === 'draining') return;
    state = 'draining';
    const limit = new Promise<void>((resolve) => setTimeout(resolve, drainWithin));
    const drained = drain().catch((error: unknown) => {
      process.stderr.write(
        `Sallyport did not end cleanly: ${error instanceof Error ? error.message : String(error)}\n`,
      );
    });
    void Promise.race([drained, limit]).then(() => {
      state = 'drained';
      app.quit();
    });
  });
  // The tray keeps the app; windows come and go.
  app.on('window-all-closed', () => undefined);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => app.quit());

  return {
    onDrain(run) {
      drain = run;
    },
  };
}
