import type { ReactNode } from 'react';

/** One setting: what it is, what it does with its default, and its control. */
export function Setting({ title, hint, children }: { title: string; hint: string; children: ReactNode }) {
  return (
    <li className="row">
      <div className="row-main">
        <p>
          <strong>{title}</strong>
        </p>
        <p className="faint">{hint}</p>
      </div>
      {children}
    </li>
  );
}
