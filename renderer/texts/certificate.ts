/** Texts of certificates and traffic on the Tunnel page. */
export const certificateTexts = {
  certificate: {
    title: 'Certificate that agents meet',
    signedBy: 'Signed by',
    own: 'this installation: agents must be given its authority, below',
    public: (host: string) => `a public authority (${host}): every agent trusts it`,
    name: 'Name',
    until: 'Good until',
    renewAt: (day: string) => `renewed by itself on ${day}`,
    others: 'Who else could get one',
    caa: {
      bound: 'Nobody: DNS binds the name to this account.',
      open: 'Others at that authority: the DNS record names no account.',
      none: 'Anybody who controls the name: DNS says nothing.',
      forbidden: 'DNS forbids this authority to issue.',
      unknown: 'DNS did not answer.',
    },
    lastTry: 'Newest try',
    getPublic: 'Get a public certificate…',
    renew: 'Renew now',
    ordering: 'Ordering…',
    useOwn: 'Use this installation’s own',
    orderTitle: 'A public certificate',
    orderText:
      'Let’s Encrypt signs a certificate for this name, proved through the tunnel itself. The key stays on this machine; the name becomes public in certificate logs.',
    terms: 'I have read the terms of Let’s Encrypt and agree',
    order: 'Order it',
    rotate: {
      begin: 'Change the authority…',
      switch: 'Sign with the new one',
      finish: 'Let go of the old one',
      cancel: 'Keep the present one',
    },
    roles: {
      active: 'in use',
      next: 'next: give it to agents, then sign with it',
      old: 'old: still trusted, until you let go of it',
    },
  },
  traffic: {
    title: 'Calls in the last 30 minutes',
    none: 'no call',
    most: (count: number) => `at most ${count} a minute`,
    chart: (total: number, most: number) => `${total} calls in 30 minutes, at most ${most} a minute`,
  },
} as const;
