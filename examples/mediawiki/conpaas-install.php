<?php
// Installs MediaWiki without a browser, once; run on the command line of a node. It may be repeated.
if (PHP_SAPI !== 'cli') {
    http_response_code(404);
    exit;
}
define('MEDIAWIKI', true);
define('CACHE_DB', 1);

/** LocalSettings.php calls it; skins are of no use here. */
function wfLoadSkin($name) {
}

require __DIR__ . '/LocalSettings.php';
[$host, $port] = explode(':', $wgDBserver);
mysqli_report(MYSQLI_REPORT_OFF);
$database = mysqli_connect($host, $wgDBuser, $wgDBpassword, $wgDBname, (int)$port);
if (!$database) {
    fwrite(STDERR, 'the database does not answer: ' . mysqli_connect_error() . "\n");
    exit(1);
}
$found = mysqli_query($database, "SHOW TABLES LIKE 'site_stats'");
if ($found && mysqli_num_rows($found) > 0) {
    echo "MediaWiki is installed already\n";
    exit;
}

/** Writes a secret to a file that nobody else reads: the list of processes shows all arguments. */
function secret_file($secret) {
    $path = tempnam(sys_get_temp_dir(), 'conpaas');
    chmod($path, 0600);
    file_put_contents($path, $secret);
    return $path;
}

$files = [secret_file($wgDBpassword), secret_file(bin2hex(random_bytes(16)))];
$settings = sys_get_temp_dir() . '/conpaas-mediawiki-' . getmypid();
mkdir($settings, 0700);
$words = [
    'env', 'MW_CONFIG_FILE=/nonexistent/LocalSettings.php', PHP_BINARY, __DIR__ . '/maintenance/install.php',
    "--dbserver=$wgDBserver", "--dbname=$wgDBname", "--dbuser=$wgDBuser",
    "--dbpassfile=$files[0]", "--passfile=$files[1]", "--confpath=$settings", '--scriptpath=', '--skins=Vector',
    $wgSitename, 'Admin',
];
passthru(implode(' ', array_map('escapeshellarg', $words)), $code);
array_map('unlink', array_merge($files, glob("$settings/*")));
rmdir($settings);
exit($code);
