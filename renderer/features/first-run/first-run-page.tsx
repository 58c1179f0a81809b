import { useId, useState } from 'react';
import { EyeIcon } from '../../components/icons.tsx';
import { Page } from '../../components/page.tsx';
import { linkTo } from '../../navigation.ts';
import { useAppState } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { AddServerDialog } from '../servers/add-server-dialog.tsx';
import { FoundServers } from '../servers/found-servers.tsx';
import { TryPart } from './try-part.tsx';

/** From nothing to a first call: try it, share one of yours, and one honest question (`ui.md`, First run). */
export function FirstRunPage() {
  return (
    <Page title={texts.start.title}>
      <ol className="start">
        <li>
          <TryPart />
        </li>
        <li>
          <OwnPart />
        </li>
        <li>
          <WhoPart />
        </li>
      </ol>
    </Page>
  );
}

function OwnPart() {
  const { servers } = useAppState();
  const [adding, setAdding] = useState(false);
  const heading = useId();
  const words = texts.start;
  const own = servers.filter((server) => server.source !== 'Sallyport');
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{words.ownTitle}</h2>
      <p>{words.ownText}</p>
      {own
        .filter((server) => server.shared)
        .map((server) => (
          <p key={server.slug} className="ok-text">
            {words.ownShared(server.name)}
          </p>
        ))}
      <div className="start-actions">
        <button type="button" className="button" onClick={() => setAdding(true)}>
          {words.ownAdd}
        </button>
      </div>
      <FoundServers />
      {adding && <AddServerDialog onClose={() => setAdding(false)} />}
    </section>
  );
}

const answers = [
  { id: 'local', page: 'agents', canRead: false },
  { id: 'name', page: 'tunnel', canRead: false },
  { id: 'anthropic', page: 'tunnel', canRead: false },
  { id: 'openai', page: 'tunnel', canRead: true },
] as const;

function WhoPart() {
  const heading = useId();
  const words = texts.start;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{words.whoTitle}</h2>
      <ul className="rows start-who">
        {answers.map(({ id, page, canRead }) => (
          <li key={id} className="row">
            <div className="row-main">
              <p>
                <strong>{words.who[id].title}</strong> <span className="start-needs">{words.who[id].needs}</span>
              </p>
              <p className={canRead ? 'warning-text' : 'faint'}>
                {canRead && <EyeIcon open />} {words.who[id].text}
              </p>
            </div>
            <a className="button" href={linkTo(page)} aria-label={`${words.who[id].do}: ${words.who[id].title}`}>
              {words.who[id].do}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
