import { useLanguage } from '../i18n/language.tsx';

/** What the sandbox can be made to do. */
const TOKENS = ['tok_ok', 'tok_declined', 'tok_timeout'] as const;
export type PaymentToken = (typeof TOKENS)[number];

/** Stands where a payment provider's form would: the demo's card works, is declined, or takes its time. */
export function PaymentChoice({ chosen, onChoose }: { chosen: PaymentToken; onChoose: (token: PaymentToken) => void }) {
  const { t } = useLanguage();
  return (
    <label className="field">
      {t('pay.method')}
      <select className="input" value={chosen} onChange={({ target }) => onChoose(target.value as PaymentToken)}>
        {TOKENS.map((token) => (
          <option key={token} value={token}>
            {t(`pay.${token}`)}
          </option>
        ))}
      </select>
    </label>
  );
}
