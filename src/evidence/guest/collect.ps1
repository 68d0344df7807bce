# Collects in a Windows guest what goldsmith wants to know of it into one file, for administrators and whoever is logged in.
# Nothing else stays in the guest, and no update is installed. Needs Windows PowerShell 5.1 and tar.exe (Windows 10 1803, Windows
# Server 2019).
#
# The file is a tar archive of goldsmith-collected/, with JSON in UTF-8:
#
#   os.json            ProductName, DisplayVersion, CurrentVersion, CurrentBuild, UBR, EditionID
#   stamp.json         IMAGE_ID, IMAGE_VERSION; both null if the image has none
#   hotfixes.json      a list: HotFixID, Description, InstalledOn (day)
#   programs.json      a list: Name, Version, Publisher, Architecture
#   capabilities.json  a list: Name, State
#   pending.json       a list: Title, KBs (a list), Severity, Since; not there if Windows Update cannot be asked
#   root.json          true or false: whether an administrator has looked
#   left-out.json      a list: What, Why
#   complete           empty: the last of all, which proves that nothing was cut off

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-StrictMode -Version 2.0

$made = @MADE@
$stage = Join-Path $env:TEMP ('goldsmith-' + [Guid]::NewGuid().ToString('N'))
$out = Join-Path $stage 'goldsmith-collected'
$leftOut = New-Object System.Collections.ArrayList
$own = $false

function Write-Text([string] $Name, [string] $Text) {
    $encoding = New-Object System.Text.UTF8Encoding($false)
    [System.IO.File]::WriteAllText((Join-Path $out $Name), $Text, $encoding)
}

function Write-One([string] $Name, $Value) {
    Write-Text $Name (ConvertTo-Json -InputObject $Value -Depth 4 -Compress)
}

function Write-List([string] $Name, $Values) {
    # A pipeline would make a list of one element that element.
    Write-Text $Name (ConvertTo-Json -InputObject ([object[]] @($Values)) -Depth 4 -Compress)
}

function Add-LeftOut([string] $What, $Why) {
    [void] $leftOut.Add(@{ What = $What; Why = [string] $Why })
}

# A value of a registry key that may not have it.
function Get-Value($Key, [string] $Name) {
    if ($null -eq $Key) { return $null }
    return $Key.GetValue($Name, $null)
}

# What a step writes; if it fails, that is told and the others go on.
function Invoke-Step([string] $What, [scriptblock] $Step) {
    try { & $Step } catch { Add-LeftOut $What $_ }
}

try {
    [void] (New-Item -ItemType Directory -Path $out -Force)

    Invoke-Step 'root.json' {
        $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
        $principal = New-Object Security.Principal.WindowsPrincipal($identity)
        $administrator = [Security.Principal.WindowsBuiltInRole]::Administrator
        Write-One 'root.json' ([bool] $principal.IsInRole($administrator))
    }

    Invoke-Step 'os.json' {
        $key = Get-Item -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
        $os = @{}
        foreach ($name in 'ProductName', 'DisplayVersion', 'CurrentVersion', 'CurrentBuild', 'EditionID') {
            $os[$name] = [string] (Get-Value $key $name)
        }
        foreach ($name in 'CurrentMajorVersionNumber', 'CurrentMinorVersionNumber', 'UBR') {
            $os[$name] = [int] (Get-Value $key $name)
        }
        Write-One 'os.json' $os
    }

    Invoke-Step 'stamp.json' {
        $key = Get-Item -LiteralPath 'HKLM:\SOFTWARE\ImageRelease' -ErrorAction SilentlyContinue
        Write-One 'stamp.json' @{
            IMAGE_ID = Get-Value $key 'IMAGE_ID'
            IMAGE_VERSION = Get-Value $key 'IMAGE_VERSION'
        }
    }

    Invoke-Step 'hotfixes.json' {
        $hotfixes = foreach ($hotfix in Get-CimInstance -ClassName Win32_QuickFixEngineering) {
            $day = ''
            if ($hotfix.InstalledOn) { $day = $hotfix.InstalledOn.ToString('yyyy-MM-dd') }
            @{
                HotFixID = [string] $hotfix.HotFixID
                Description = [string] $hotfix.Description
                InstalledOn = $day
            }
        }
        Write-List 'hotfixes.json' $hotfixes
    }

    Invoke-Step 'programs.json' {
        $native = if ([Environment]::Is64BitOperatingSystem) { 'x64' } else { 'x86' }
        $places = @(
            @('HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall', $native),
            @('HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall', 'x86')
        )
        $programs = foreach ($place in $places) {
            if (-not (Test-Path -LiteralPath $place[0])) { continue }
            foreach ($key in Get-ChildItem -LiteralPath $place[0]) {
                $name = Get-Value $key 'DisplayName'
                if (-not $name) { continue }
                @{
                    Name = [string] $name
                    Version = [string] (Get-Value $key 'DisplayVersion')
                    Publisher = [string] (Get-Value $key 'Publisher')
                    Architecture = $place[1]
                }
            }
        }
        Write-List 'programs.json' $programs
    }

    Invoke-Step 'capabilities.json' {
        $capabilities = foreach ($capability in Get-WindowsCapability -Online) {
            if ([string] $capability.State -ne 'Installed') { continue }
            @{ Name = [string] $capability.Name; State = [string] $capability.State }
        }
        Write-List 'capabilities.json' $capabilities
    }

    Invoke-Step 'pending.json' {
        $session = New-Object -ComObject Microsoft.Update.Session
        $found = $session.CreateUpdateSearcher().Search('IsInstalled=0 and IsHidden=0')
        # 2: succeeded; anything else leaves something out.
        if ($found.ResultCode -ne 2) { throw "the search ended with $($found.ResultCode)" }
        $updates = foreach ($update in $found.Updates) {
            @{
                Title = [string] $update.Title
                KBs = [object[]] @($update.KBArticleIDs | ForEach-Object { [string] $_ })
                Severity = [string] $update.MsrcSeverity
                # In UTC, says its documentation (IUpdate::LastDeploymentChangeTime).
                Since = $update.LastDeploymentChangeTime.ToString('yyyy-MM-ddTHH:mm:ss',
                    [Globalization.CultureInfo]::InvariantCulture) + 'Z'
            }
        }
        Write-List 'pending.json' $updates
    }

    Write-List 'left-out.json' $leftOut
    Write-Text 'complete' ''

    $tar = Join-Path $env:SystemRoot 'System32\tar.exe'
    if (-not (Test-Path -LiteralPath $tar)) {
        throw 'it has no tar.exe, which comes with Windows 10 1803 and Windows Server 2019'
    }
    # A new file, which only these may read, and never one that somebody else has put there.
    $file = [System.IO.File]::Open($made, [System.IO.FileMode]::CreateNew)
    $file.Close()
    $own = $true
    $user = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    $said = & "$env:SystemRoot\System32\icacls.exe" $made /inheritance:r /grant:r "*${user}:(F)" '*S-1-5-32-544:(F)' '*S-1-5-18:(F)'
    if ($LASTEXITCODE -ne 0) { throw "icacls.exe ended with ${LASTEXITCODE}: $said" }
    $parts = @(Get-ChildItem -LiteralPath $out | ForEach-Object { $_.Name } | Where-Object { $_ -ne 'complete' })
    $parts = @(($parts + 'complete') | ForEach-Object { "goldsmith-collected/$_" })
    & $tar -c -f $made -C $stage @parts
    if ($LASTEXITCODE -ne 0) { throw "tar.exe ended with $LASTEXITCODE" }
} catch {
    if ($own) { Remove-Item -LiteralPath $made -Force -ErrorAction SilentlyContinue }
    Write-Output "goldsmith: nothing can be collected in the guest: $_"
    exit 1
} finally {
    Remove-Item -LiteralPath $stage -Recurse -Force -ErrorAction SilentlyContinue
}
