import type { ReactNode } from 'react';

/** An empty page: says what will be here, and teaches its one next step. */
export function Empty({ title, text, children }: { title: string; text: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      <p>{text}</p>
      {children && <div className="empty-step">{children}</div>}
    </div>
  );
}
