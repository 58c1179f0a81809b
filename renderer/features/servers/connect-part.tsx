import { type KeyboardEvent, useId, useRef, useState } from 'react';
import { type WritableProgram, writableProgramIds, writablePrograms } from '../../../electron/shared/programs.ts';
import type { ServerView } from '../../../electron/shared/views.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { EyeIcon } from '../../components/icons.tsx';
import { linkTo } from '../../navigation.ts';
import { useAppState } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { type Connectable, connectable, connectSteps } from './connect-steps.ts';
import { FirstCall } from './first-call.tsx';
import { PrivatePart } from './private-part.tsx';
import { WriteDialog } from './write-dialog.tsx';

/** *Connect it*: the address, the exact steps for each agent, and whether the first call has come. */
export function ConnectPart({ server }: { server: ServerView }) {
  const heading = useId();
  const words = texts.connect;
  return (
    <section className="part" aria-labelledby={heading}>
      <header className="part-head">
        <h2 id={heading}>{texts.servers.connectTitle}</h2>
      </header>
      <PrivatePart server={server} />
      {server.shared && server.publicUrl !== undefined ? (
        <>
          <p className="address">
            <span className="hidden">{words.url}</span>
            <code className="mono" translate="no">
              {server.publicUrl}
            </code>
            <CopyButton text={server.publicUrl} />
          </p>
          <OpenAiReads />
          <Tabs slug={server.slug} url={server.publicUrl} />
          <FirstCall slug={server.slug} />
        </>
      ) : (
        <p className="faint">{texts.servers.notShared}</p>
      )}
    </section>
  );
}

/** Said where a server is offered, as long as the way in is one whose middle reads. */
function OpenAiReads() {
  const { tunnel } = useAppState();
  if (tunnel.way !== 'openai') return null;
  return (
    <p className="notice warning">
      <EyeIcon open />
      <span>{texts.connect.openAiReads}</span>
    </p>
  );
}

function Tabs({ slug, url }: { slug: string; url: string }) {
  const { status, tunnel } = useAppState();
  const [agent, setAgent] = useState<Connectable>(tunnel.openai ? 'chatgpt' : 'claude-code');
  const id = useId();
  const tabs = useRef(new Map<Connectable, HTMLButtonElement>());
  const connect = connectSteps(agent, { slug, url }, status.way, tunnel.openai?.tunnelId);
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const next = connectable[(connectable.indexOf(agent) + step + connectable.length) % connectable.length];
    if (!next) return;
    setAgent(next);
    tabs.current.get(next)?.focus();
  };
  return (
    <>
      <div className="tabs" role="tablist" aria-label={texts.connect.tabs} onKeyDown={onKey}>
        {connectable.map((each) => (
          <button
            key={each}
            ref={(element) => {
              if (element) tabs.current.set(each, element);
            }}
            type="button"
            role="tab"
            id={`${id}-${each}`}
            aria-selected={each === agent}
            aria-controls={`${id}-panel`}
            tabIndex={each === agent ? 0 : -1}
            onClick={() => setAgent(each)}
          >
            {texts.connect.agents[each]}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${agent}`}>
        {'why' in connect ? (
          <>
            <p>{connect.why}</p>
            <a className="button" href={linkTo('tunnel')}>
              {texts.connect.mend}
            </a>
          </>
        ) : (
          <>
            <WriteButtons slug={slug} agent={agent} />
            <ol className="steps">
              {connect.steps.map((step) => (
                <li key={step.words}>
                  <div className="step-head">
                    <span>{step.words}</span>
                    <CopyButton text={step.paste} quiet />
                  </div>
                  {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard. */}
                  <pre className="paste mono" translate="no" tabIndex={0}>
                    {step.paste}
                  </pre>
                </li>
              ))}
            </ol>
          </>
        )}
      </div>
    </>
  );
}

/** *Write it for me*, where the agent's configuration is a file; under *Others* one button for each program. */
function WriteButtons({ slug, agent }: { slug: string; agent: Connectable }) {
  const [program, setProgram] = useState<WritableProgram>();
  const own = writableProgramIds.filter((each) => each === agent);
  const others = writableProgramIds.filter((each) => !connectable.some((known) => known === each));
  const offered = agent === 'others' ? others : own;
  if (offered.length === 0) return null;
  return (
    <div className="row-actions">
      {offered.map((each) => (
        <button key={each} type="button" className="button primary" onClick={() => setProgram(each)}>
          {agent === 'others' ? writablePrograms[each] : texts.write.open}
        </button>
      ))}
      {program && <WriteDialog slug={slug} program={program} onClose={() => setProgram(undefined)} />}
    </div>
  );
}
