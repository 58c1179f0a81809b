import type { ReactNode } from 'react';

/** A page's head and body. Every page has one `h1`, which the skip link and the title use. */
export function Page({
  title,
  actions,
  children,
  fill = false,
}: {
  title: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  fill?: boolean;
}) {
  return (
    <div className={fill ? 'page fill' : 'page'}>
      <header className="page-head">
        <h1>{title}</h1>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
