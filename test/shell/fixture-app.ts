import { join } from 'node:path';
import type { AppState } from '../../electron/shared/contract.ts';
import type { ApprovalView } from '../../electron/shared/views.ts';
import { DoubleApp, type DoubleOptions } from '../electron-double/launch.ts';
import { startFakeBus } from './fake-bus.ts';
import type { FixtureBehaviour, FixtureMessage, FixtureReport } from './fixture-core.ts';
import { sharing } from './states.ts';

/** The shell on the small core, under the double. */
export class FixtureApp extends DoubleApp {
  readonly reports: FixtureReport[] = [];
  private approvals: readonly ApprovalView[] = [];

  constructor(options: Partial<DoubleOptions> & { readonly behaviour?: FixtureBehaviour } = {}) {
    // A desktop with a tray, unless the test brings its own.
    const bus = startFakeBus('host');
    super({
      entry: join(import.meta.dirname, 'fixture-main.ts'),
      ...options,
      env: {
        SALLYPORT_FIXTURE: options.behaviour ?? 'normal',
        DBUS_SESSION_BUS_ADDRESS: bus.address,
        ...options.env,
      },
    });
    void this.ended.then(() => bus.stop());
    this.process.on('message', (message: object) => {
      if ('report' in message) {
        this.reports.push(message as FixtureReport);
        this.process.emit('fixture-report');
      }
    });
  }

  /** Starts it and waits until it is ready. */
  static override async start(
    options: Partial<DoubleOptions> & { readonly behaviour?: FixtureBehaviour } = {},
  ): Promise<FixtureApp> {
    const app = new FixtureApp(options);
    await app.readyLine;
    return app;
  }

  setState(patch: Partial<AppState>): void {
    this.tell({ fixture: 'state', patch });
  }

  /** A prompt comes up, in the state and as an event, as the core does it. */
  openApproval(approval: ApprovalView): void {
    this.approvals = [...this.approvals, approval];
    this.setState({ approvals: [...this.approvals], status: { ...sharing, state: 'attention', pending: 1 } });
    this.tell({ fixture: 'approval', event: { type: 'opened', approval } });
  }

  closeApproval(id: string): void {
    const closed = this.approvals.find((approval) => approval.id === id);
    this.approvals = this.approvals.filter((approval) => approval.id !== id);
    this.setState({ approvals: [...this.approvals], status: sharing });
    if (closed) this.tell({ fixture: 'approval', event: { type: 'closed', approval: closed } });
  }

  /** Waits for a report of the small core. */
  async reported<Kind extends FixtureReport['report']>(
    kind: Kind,
    wanted: (report: Extract<FixtureReport, { report: Kind }>) => boolean = () => true,
  ): Promise<Extract<FixtureReport, { report: Kind }>> {
    for (;;) {
      const found = this.reports.find(
        (report): report is Extract<FixtureReport, { report: Kind }> =>
          report.report === kind && wanted(report as Extract<FixtureReport, { report: Kind }>),
      );
      if (found) return found;
      await new Promise((resolve) => this.process.once('fixture-report' as 'message', resolve));
    }
  }

  private tell(message: FixtureMessage): void {
    this.process.send(message);
  }
}
