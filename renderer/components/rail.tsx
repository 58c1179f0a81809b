import type { FunctionComponent } from 'react';
import { linkTo, type Page, pages } from '../navigation.ts';
import { texts } from '../texts.ts';
import { AgentsIcon, ApprovalsIcon, RequestsIcon, ServersIcon, SettingsIcon, TunnelIcon } from './icons.tsx';

const icons: Readonly<Record<Page, FunctionComponent>> = {
  servers: ServersIcon,
  requests: RequestsIcon,
  approvals: ApprovalsIcon,
  agents: AgentsIcon,
  tunnel: TunnelIcon,
  settings: SettingsIcon,
};

/** The pages, always there; Approvals carries the number that waits. */
export function Rail({ page, waiting }: { page: string; waiting: number }) {
  return (
    <nav className="rail" aria-label={texts.rail}>
      <ul>
        {pages.map((each) => {
          const Icon = icons[each];
          return (
            <li key={each}>
              <a href={linkTo(each)} aria-current={each === page ? 'page' : undefined}>
                <Icon />
                <span className="rail-label">{texts.pages[each]}</span>
                {each === 'approvals' && waiting > 0 && (
                  <span className="count">
                    {waiting}
                    <span className="hidden"> {texts.waiting(waiting).replace(/^\S+ /, '')}</span>
                  </span>
                )}
              </a>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
