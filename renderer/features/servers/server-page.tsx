import { useState } from 'react';
import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { CommandLine } from '../../components/command-line.tsx';
import { Confirm } from '../../components/confirm.tsx';
import { Empty } from '../../components/empty.tsx';
import { Failure } from '../../components/failure.tsx';
import { BackIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { linkTo, navigate } from '../../navigation.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { ChangedOrigin } from './changed-origin.tsx';
import { ConnectPart } from './connect-part.tsx';
import { IsolationPart } from './isolation-part.tsx';
import { OffersPart } from './offers-part.tsx';
import { ResultsPart } from './results-part.tsx';
import { ServerHealth } from './server-health.tsx';
import { ServerState } from './server-state.tsx';
import { ShareSwitch } from './share-switch.tsx';
import { SignInPart } from './sign-in-part.tsx';
import { ToolsPart } from './tools-part.tsx';
import { useShare } from './use-share.ts';
import { WhoPart } from './who-part.tsx';

/** One server's sheet: what gets out, who can use it, how to connect it, on one screen. */
export function ServerPage({ slug }: { slug: string }) {
  const { servers } = useAppState();
  const server = servers.find((each) => each.slug === slug);
  return (
    <div className="page">
      <p className="back">
        <a href={linkTo('servers')}>
          <BackIcon />
          {texts.servers.back}
        </a>
      </p>
      {server ? <Sheet server={server} /> : <Gone />}
    </div>
  );
}

function Gone() {
  return (
    <>
      <h1 className="hidden">{texts.servers.title}</h1>
      <Empty title={texts.servers.gone} text="">
        <a className="button" href={linkTo('servers')}>
          {texts.servers.back}
        </a>
      </Empty>
    </>
  );
}

function Sheet({ server }: { server: ServerView }) {
  const { bridge } = useServices();
  const [removing, setRemoving] = useState(false);
  const share = useShare(server);
  const remove = useAction(async () => {
    await bridge.request('servers.remove', { server: server.slug });
    navigate('servers');
  });
  const words = texts.servers;
  return (
    <>
      <header className="page-head sheet-head">
        <h1 className="mono">{visibleText(server.name, { max: 80 })}</h1>
        <ServerState server={server} busy={share.pending} />
        <span className="spring" />
        <button type="button" className="button quiet" onClick={() => setRemoving(true)}>
          {words.remove}
        </button>
        <ShareSwitch server={server} share={share} />
      </header>
      <Failure error={share.error} />
      <p className="sheet-what">
        <span className="faint">{server.kind === 'stdio' ? words.commandRuns : words.urlForwards}</span>
        {server.kind === 'stdio' ? (
          <CommandLine command={server.command ?? ''} {...(server.args ? { args: server.args } : {})} />
        ) : (
          <code className="command mono">
            <Outside text={server.url ?? ''} max={4_096} />
          </code>
        )}
        {server.env.length > 0 && (
          <span className="faint">
            {words.env} <span className="mono">{server.env.join(' ')}</span>
          </span>
        )}
        {server.headers && (
          <span className="faint">
            {words.headers} <Outside text={server.headers.join(' ')} max={400} mono />
          </span>
        )}
        {server.ca?.map(({ subject, fingerprint }) => (
          <span key={fingerprint} className="faint" title={fingerprint}>
            {words.ca} <Outside text={subject} max={200} />
          </span>
        ))}
      </p>
      <ServerHealth server={server} />
      {(server.state === 'crashed' || server.state === 'wrong-output') && (
        <section className="notice danger stacked" aria-label={words.states[server.state]}>
          <p>{server.state === 'crashed' ? words.crashedHint : words.wrongOutputHint}</p>
          {server.lastError !== undefined && (
            <>
              <h2>{words.lastWords}</h2>
              <OutsideBlock text={server.lastError} label={words.lastWords} />
            </>
          )}
        </section>
      )}
      <SignInPart server={server} />
      <OffersPart server={server} />
      <ChangedOrigin server={server} />
      <div className="sheet">
        <div className="sheet-main">
          <ToolsPart server={server} />
          <ResultsPart server={server} />
          <IsolationPart server={server} />
        </div>
        <div className="sheet-side">
          <WhoPart server={server} />
          <ConnectPart server={server} />
        </div>
      </div>
      {removing && (
        <Confirm
          title={words.removeTitle(visibleText(server.name, { max: 80 }))}
          text={words.removeText}
          confirm={words.removeDo}
          action={remove}
          onClose={() => setRemoving(false)}
        />
      )}
    </>
  );
}
