import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Disclosure } from '../../components/disclosure.tsx';
import { Failure } from '../../components/failure.tsx';
import { Switch } from '../../components/switch.tsx';
import { useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Handling = NonNullable<ServerView['results']>;

/** What is done with a server's results before the agent reads them (`security.md` S16). */
export function ResultsPart({ server }: { server: ServerView }) {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const set = useAction((change: Partial<Handling>) =>
    bridge.request('servers.results', { server: server.slug, ...change }),
  );
  const words = texts.servers.results;
  const { secrets, unseen } = server.results ?? { secrets: 'mask', unseen: 'report' };
  const name = visibleText(server.name, { max: 80 });
  const each = { busy: set.pending, disabled: connection.kind !== 'online' };
  return (
    <Disclosure title={words.title} state={words.state(secrets, unseen)}>
      <ul className="rows">
        <li className="row">
          <div className="row-main">
            <p>{words.secrets}</p>
            <p className="faint">{words.secretsHint}</p>
          </div>
          <Switch
            label={words.secretsLabel(name)}
            checked={secrets === 'mask'}
            {...each}
            onChange={(on) => set.start({ secrets: on ? 'mask' : 'pass' })}
          />
        </li>
        <li className="row">
          <div className="row-main">
            <p>{words.unseen}</p>
            <p className="faint">{words.unseenHint}</p>
          </div>
          <Switch
            label={words.unseenLabel(name)}
            checked={unseen === 'remove'}
            {...each}
            onChange={(on) => set.start({ unseen: on ? 'remove' : 'report' })}
          />
        </li>
      </ul>
      <Failure error={set.error} />
    </Disclosure>
  );
}
