import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatCountdown } from '../../format.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';

/** *Let an agent in*: opens the door for ten minutes and one agent. Shut again by the same button. */
export function LetInButton({ primary = false }: { primary?: boolean }) {
  const { bridge } = useServices();
  const { door } = useAppState();
  const open = door.openUntil !== undefined;
  const letIn = useAction(() => bridge.request('agents.letIn', open ? { forMs: 0 } : {}));
  return (
    <button
      type="button"
      className={primary && !open ? 'button primary' : 'button'}
      disabled={letIn.pending}
      onClick={() => letIn.start()}
    >
      {open ? texts.door.shut : texts.door.letIn}
    </button>
  );
}

/** What the door is and was: open until when, who came to it while it was shut, and who is blocked. */
export function DoorNotes() {
  const { bridge } = useServices();
  const { door } = useAppState();
  const now = useNow();
  const unblock = useAction((id: string) => bridge.request('agents.unblock', { id }));
  const words = texts.door;
  return (
    <>
      {door.openUntil !== undefined && (
        <p className="notice" role="status">
          {words.open(formatCountdown(Date.parse(door.openUntil) - now))}
        </p>
      )}
      {door.refused > 0 && <p className="faint">{words.refused(door.refused)}</p>}
      {door.blocked.length > 0 && (
        <section>
          <h2>{words.blocked}</h2>
          <ul className="rows">
            {door.blocked.map((agent) => (
              <li className="row" key={agent.id}>
                <div className="row-main">
                  <Outside text={agent.name} max={80} />
                </div>
                <div className="row-actions">
                  <button
                    type="button"
                    className="button"
                    disabled={unblock.pending}
                    onClick={() => unblock.start(agent.id)}
                  >
                    {words.unblock}
                  </button>
                </div>
              </li>
            ))}
          </ul>
          <Failure error={unblock.error} />
        </section>
      )}
    </>
  );
}
