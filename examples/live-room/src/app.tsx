import { Provider } from 'urql';
import { client } from './api/client.ts';
import { useSession } from './api/session.ts';
import { ProblemsProvider } from './components/problems.tsx';
import { SignInProvider } from './components/sign-in.tsx';
import { NotFound } from './components/states.tsx';
import { TopBar } from './components/top-bar.tsx';
import { LanguageProvider } from './i18n/language.tsx';
import { OrderPage } from './orders/order-page.tsx';
import { OrdersPage } from './orders/orders-page.tsx';
import { RoomPage } from './room/room-page.tsx';
import { useRoute } from './routing.tsx';
import { StreamsPage } from './streams/streams-page.tsx';
import { StudioPage } from './studio/studio-page.tsx';
import { TopUpProvider } from './wallet/top-up.tsx';
import { WalletPage } from './wallet/wallet-page.tsx';

/** The page. */
export function App() {
  return (
    <Provider value={client}>
      <LanguageProvider>
        <TopUpProvider>
          <ProblemsProvider>
            <SignInProvider>
              <Shell />
            </SignInProvider>
          </ProblemsProvider>
        </TopUpProvider>
      </LanguageProvider>
    </Provider>
  );
}

/** What is asked for is asked for anew when it is somebody else who asks. */
function Shell() {
  const viewerId = useSession()?.viewer.id ?? 'nobody';
  return (
    <>
      <TopBar key={`top-${viewerId}`} />
      <main key={viewerId}>
        <Place />
      </main>
    </>
  );
}

function Place() {
  const route = useRoute();
  switch (route.name) {
    case 'streams':
      return <StreamsPage />;
    case 'room':
      return <RoomPage key={route.streamId} streamId={route.streamId} />;
    case 'orders':
      return <OrdersPage />;
    case 'order':
      return <OrderPage key={route.orderId} orderId={route.orderId} />;
    case 'wallet':
      return <WalletPage />;
    case 'studio':
      return <StudioPage />;
    default:
      return <NotFound />;
  }
}
