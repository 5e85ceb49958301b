import { useRef, useState } from 'react';
import { newKey, perform } from '../api/perform.ts';
import type { Problem } from '../api/problem.ts';
import type { PaymentToken } from '../components/payment-choice.tsx';
import { BuyCoinsDocument } from '../generated/graphql.ts';

/** Buys packs; says whether it did. The key of one that is not answered for is kept: pressed again, it is the same purchase. */
export function useCoinPurchase(paymentToken: PaymentToken) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [bought, setBought] = useState<number>();
  const open = useRef<{ intent: string; key: string } | undefined>(undefined);
  const buy = async (packId: string) => {
    const intent = `${packId} ${paymentToken}`;
    if (open.current?.intent !== intent) open.current = { intent, key: newKey() };
    setBusy(true);
    setProblem(undefined);
    setBought(undefined);
    const input = { packId, paymentToken, idempotencyKey: open.current.key };
    const outcome = await perform(BuyCoinsDocument, { input });
    setBusy(false);
    if (outcome.ok) setBought(outcome.value.wallet.coins);
    else setProblem(outcome.problem);
    const unknown = !outcome.ok && ['NoAnswer', 'PaymentPendingError'].includes(outcome.problem.__typename);
    if (!unknown) open.current = undefined;
    return outcome.ok;
  };
  return { buy, busy, problem, bought };
}
