import { useEffect, useId, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Disclosure } from '../../components/disclosure.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { Switch } from '../../components/switch.tsx';
import { useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Isolation = NonNullable<ServerView['isolation']>;
type Manner = 'open' | 'environment' | 'walled';

/** What of this machine a server on it may have: everything, or only what is named here. */
export function IsolationPart({ server }: { server: ServerView }) {
  if (server.kind !== 'stdio') return null;
  return (
    <Disclosure title={texts.isolation.title} state={stateWords(server.isolation)}>
      <Walls key={JSON.stringify(server.isolation ?? null)} server={server} />
    </Disclosure>
  );
}

function stateWords(isolation: Isolation | undefined): string {
  const words = texts.isolation;
  if (!isolation) return words.states.open;
  if (isolation.environmentOnly) return words.states.environment;
  return words.walled(isolation.read.length, isolation.write.length, isolation.network);
}

function Walls({ server }: { server: ServerView }) {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const before = server.isolation;
  const mannerBefore: Manner = !before ? 'open' : before.environmentOnly ? 'environment' : 'walled';
  const [manner, setManner] = useState<Manner>(mannerBefore);
  const [read, setRead] = useState(before?.read.join('\n') ?? '');
  const [write, setWrite] = useState(before?.write.join('\n') ?? '');
  const [network, setNetwork] = useState(before?.network ?? false);
  const support = useSupport();
  const id = useId();
  const wanted = { read: lines(read), write: lines(write), network, environmentOnly: manner === 'environment' };
  const apply = useAction(() =>
    bridge.request('servers.isolate', { server: server.slug, ...(manner === 'open' ? {} : { isolation: wanted }) }),
  );
  const words = texts.isolation;
  const missing = manner === 'walled' && support?.ok === false;
  const same = manner === mannerBefore && (manner === 'open' || JSON.stringify(wanted) === JSON.stringify(before));
  return (
    <>
      <Segmented
        label={words.manner(visibleText(server.name, { max: 80 }))}
        value={manner}
        options={(['open', 'environment', 'walled'] as const).map((value) => ({ value, label: words.manners[value] }))}
        onChange={setManner}
      />
      <p className="faint">{words.hints[manner]}</p>
      {missing && (
        <p className="notice warning" role="status">
          {visibleText(`${support.why ?? ''} ${support.hint ?? ''}`, { max: 600 })}
        </p>
      )}
      {manner === 'walled' && (
        <>
          <Field id={`${id}-read`} label={words.read} hint={words.readHint}>
            <textarea
              id={`${id}-read`}
              aria-describedby={`${id}-read-hint`}
              className="input mono"
              rows={2}
              spellCheck={false}
              value={read}
              onChange={(event) => setRead(event.target.value)}
            />
          </Field>
          <Field id={`${id}-write`} label={words.write}>
            <textarea
              id={`${id}-write`}
              className="input mono"
              rows={2}
              spellCheck={false}
              value={write}
              onChange={(event) => setWrite(event.target.value)}
            />
          </Field>
          <div className="row">
            <div className="row-main">
              <p>{words.network}</p>
            </div>
            <Switch label={words.network} checked={network} onChange={setNetwork} />
          </div>
        </>
      )}
      <Failure error={apply.error} />
      <p>
        <button
          type="button"
          className="button"
          disabled={same || missing || apply.pending || connection.kind !== 'online'}
          onClick={() => apply.start()}
        >
          {words.apply}
        </button>{' '}
        <span className="faint">{words.applyHint}</span>
      </p>
    </>
  );
}

/** Whether this machine can wall servers in; `undefined` until it is known. */
function useSupport(): RequestOutput<'servers.isolation'> | undefined {
  const { bridge } = useServices();
  const [support, setSupport] = useState<RequestOutput<'servers.isolation'>>();
  useEffect(() => {
    let current = true;
    bridge.request('servers.isolation', {}).then(
      (answer) => {
        if (current) setSupport(answer);
      },
      // The attempt itself says what is wrong.
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [bridge]);
  return support;
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
