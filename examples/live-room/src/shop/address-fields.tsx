import { useState } from 'react';
import { newKey, perform } from '../api/perform.ts';
import { useProblems } from '../components/problems.tsx';
import { AddAddressDocument, type AddressesQuery } from '../generated/graphql.ts';
import { useLanguage } from '../i18n/language.tsx';

export type Address = NonNullable<AddressesQuery['me']>['addresses'][number];

type Props = {
  addresses: readonly Address[];
  chosen: string | undefined;
  onChoose: (id: string) => void;
  onAdded: () => void;
};

/** Countries that the demo's shops send to. */
const COUNTRIES = ['AE', 'SA', 'EG', 'US'];

/** Where it is sent: one of the addresses that one has, or a first one. */
export function AddressFields({ addresses, chosen, onChoose, onAdded }: Props) {
  const { t } = useLanguage();
  if (addresses.length === 0) return <NewAddress onAdded={onAdded} />;
  return (
    <label className="field">
      {t('address.title')}
      <select className="input" dir="auto" value={chosen} onChange={({ target }) => onChoose(target.value)}>
        {addresses.map(({ id, name, line1, city, country }) => (
          <option key={id} value={id}>
            {[name, line1, city, country].join(', ')}
          </option>
        ))}
      </select>
    </label>
  );
}

function NewAddress({ onAdded }: { onAdded: () => void }) {
  const { t, locale } = useLanguage();
  const problems = useProblems();
  const [fields, setFields] = useState({ name: '', line1: '', city: '', country: COUNTRIES[0]! });
  const [key] = useState(newKey);
  const complete = Object.values(fields).every((value) => value.trim() !== '');
  const add = async () => {
    const outcome = await perform(AddAddressDocument, { input: { ...fields, idempotencyKey: key } });
    if (outcome.ok) onAdded();
    else problems.show(outcome.problem);
  };
  const countries = new Intl.DisplayNames(locale, { type: 'region' });
  return (
    <fieldset className="stack address">
      <legend>{t('address.title')}</legend>
      {(['name', 'line1', 'city'] as const).map((name) => (
        <input
          key={name}
          className="input"
          dir="auto"
          aria-label={t(`address.${name}`)}
          placeholder={t(`address.${name}`)}
          value={fields[name]}
          onChange={({ target }) => setFields({ ...fields, [name]: target.value })}
        />
      ))}
      <select
        className="input"
        aria-label={t('address.country')}
        value={fields.country}
        onChange={({ target }) => setFields({ ...fields, country: target.value })}
      >
        {COUNTRIES.map((country) => (
          <option key={country} value={country}>
            {countries.of(country)}
          </option>
        ))}
      </select>
      <button type="button" className="button" disabled={!complete} onClick={() => void add()}>
        {t('address.add')}
      </button>
    </fieldset>
  );
}
